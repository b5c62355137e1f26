-- What a ledger account's statement goes along, gathered by the projector. The inverted index of 118 took half of its time,
-- however long its list of new entries; here an account gets one row for what many chunks did to it.
DROP FUNCTION market.moves_of(uuid);
SET LOCAL ROLE bourse_projector;
DROP VIEW market.charges;
DROP INDEX market.transfers_by_account;

-- Where an account's posted legs are: transfers (seqs[n], idxs[n]), in the journal's order. A row holds at most 128 of them, so that
-- it stays on its page.
CREATE TABLE market.account_moves (
    account   uuid        NOT NULL,
    first_seq bigint      NOT NULL,
    first_at  timestamptz NOT NULL,  -- least and greatest time of its transfers
    last_at   timestamptz NOT NULL,
    first_idx integer     NOT NULL,
    seqs      bigint[]    NOT NULL,
    idxs      integer[]   NOT NULL,
    PRIMARY KEY (account, first_seq, first_idx)
);
ALTER TABLE market.account_moves ALTER COLUMN seqs SET STORAGE EXTERNAL, ALTER COLUMN idxs SET STORAGE EXTERNAL;

-- Transfers of journal rows after `gathered` are in no row of account_moves yet; they are few, and read as they lie.
ALTER TABLE market.projector_cursor ADD COLUMN gathered bigint NOT NULL DEFAULT 0;

-- Gathers all that is not: when a projector begins, what the one before it still had in memory.
CREATE FUNCTION market.gather_moves() RETURNS void LANGUAGE sql AS $$
  -- Each statement sees what was committed before it: nobody may move the cursor between the two below.
  SELECT FROM market.projector_cursor FOR UPDATE;
  INSERT INTO market.account_moves (account, first_seq, first_at, last_at, first_idx, seqs, idxs)
  SELECT account, min(journal_seq), min(at), max(at), (array_agg(idx ORDER BY journal_seq, idx))[1],
         array_agg(journal_seq ORDER BY journal_seq, idx), array_agg(idx ORDER BY journal_seq, idx)
  FROM (SELECT s.account, t.journal_seq, t.idx, t.at,
               (row_number() OVER (PARTITION BY s.account ORDER BY t.journal_seq, t.idx) - 1) / 128 AS piece
        FROM market.transfers t, LATERAL (VALUES (t.debit), (t.credit)) AS s (account)
        WHERE t.journal_seq > (SELECT gathered FROM market.projector_cursor) AND t.journal_seq <= (SELECT seq FROM market.projector_cursor)
          AND NOT t.pending) AS legs
  GROUP BY account, piece ORDER BY account, piece;
  UPDATE market.projector_cursor SET gathered = seq;
$$;
SELECT market.gather_moves();

-- An account's posted legs with `since` <= at < `until`, as credits less debits. Planned as part of the query that uses it.
CREATE FUNCTION market.moves_of(account uuid, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity')
RETURNS TABLE (journal_seq bigint, idx integer, at timestamptz, code smallint, reference uuid, hold uuid, counter uuid, moved bigint)
LANGUAGE sql STABLE AS $$
  SELECT t.journal_seq, t.idx, t.at, t.code, t.reference, t.hold, CASE WHEN t.credit = $1 THEN t.debit ELSE t.credit END,
         CASE WHEN t.credit = $1 THEN t.amount_micros ELSE -t.amount_micros END
  FROM market.account_moves m, unnest(m.seqs, m.idxs) AS p (seq, idx), market.transfers t
  WHERE m.account = $1 AND m.last_at >= $2 AND m.first_at < $3 AND t.journal_seq = p.seq AND t.idx = p.idx AND t.at >= $2 AND t.at < $3
  UNION ALL
  SELECT t.journal_seq, t.idx, t.at, t.code, t.reference, t.hold, CASE WHEN t.credit = $1 THEN t.debit ELSE t.credit END,
         CASE WHEN t.credit = $1 THEN t.amount_micros ELSE -t.amount_micros END
  FROM market.transfers t
  WHERE t.journal_seq > (SELECT gathered FROM market.projector_cursor) AND t.journal_seq <= (SELECT seq FROM market.projector_cursor)
    AND NOT t.pending AND (t.debit = $1 OR t.credit = $1) AND t.at >= $2 AND t.at < $3
$$;

-- The view of 120, of one wallet and a span. Charges are what left the wallet: buying a package is one, using it is none; a
-- reservation is charged when it is bought, and less by what an early end gives back; a reversed package gives back too.
CREATE FUNCTION market.charges_of(wallet uuid, since timestamptz, until timestamptz)
RETURNS TABLE (kind text, journal_seq bigint, idx integer, at timestamptz, account uuid, unit text, amount_micros bigint, part text,
               "user" uuid, project text, center uuid, pool text, job uuid, attempt uuid, revision integer, record uuid, "text" text,
               used_from timestamptz, used_until timestamptz, period uuid, adjusts uuid)
LANGUAGE sql STABLE AS $$
  WITH t AS MATERIALIZED (SELECT * FROM market.moves_of($1, $2, $3) AS m WHERE m.code IN (3, 4, 5, 17, 21, 25, 28))
  SELECT 'on_demand'::text, t.journal_seq, t.idx, t.at, j.account, j.unit, -t.moved,
         CASE t.code WHEN 3 THEN 'center' WHEN 4 THEN 'margin' ELSE 'tax' END,
         j."user", j.project, a.center, a.pool, j.id, c.attempt, c.revision, c.record, j.name,
         c.started_at, c.ended_at, c.period, c.adjusts
  FROM t
  JOIN market.usage_captures c ON c.record = t.reference AND c.journal_seq = t.journal_seq
  JOIN market.jobs j ON j.id = c.job AND j.hold = t.hold
  JOIN market.attempts a ON a.id = c.attempt
  WHERE t.code IN (3, 4, 5) AND t.moved < 0
  UNION ALL
  SELECT 'reserved', t.journal_seq, t.idx, t.at, r.account, r.unit, -t.moved, 'reservation',
         r."by", '', r.center, r.pool, NULL, NULL, NULL, r.id,
         r.quantity || CASE r.what WHEN 1 THEN ' nodes' ELSE ' cards' END || ' of ' || r.pool || ' for ' || r.days || ' days',
         r.from_at, r.until_at, NULL, NULL
  FROM t
  JOIN market.reservations r ON r.id = t.reference
  WHERE (t.code = 21 AND t.moved < 0) OR (t.code = 25 AND t.moved > 0)
  UNION ALL
  SELECT 'package', t.journal_seq, t.idx, t.at, l.account, b.unit, -t.moved, 'package',
         l.buyer, '', NULL, NULL, NULL, NULL, NULL, l.id, l.reason, l.issued_at, l.expires_at, NULL, NULL
  FROM t
  JOIN market.lots l ON l.id = t.reference
  JOIN market.billing_accounts b ON b.id = l.account AND b.wallet = $1
  WHERE (t.code = 17 AND t.moved < 0) OR (t.code = 28 AND t.moved > 0)
$$;

-- One index over the business ids of the transfers that are found by them, instead of four whose conditions each transfer was held
-- against: what was put in, paid out, corrected and written off; paid beforehand; expired; reversed.
DROP INDEX market.transfers_by_reference;
DROP INDEX market.transfers_of_prepaid;
DROP INDEX market.transfers_of_expired;
DROP INDEX market.transfers_of_reversed;
CREATE INDEX transfers_by_reference ON market.transfers (reference) WHERE code IN (1, 7, 8, 9, 17, 19, 21, 25, 26, 27, 28);

GRANT SELECT ON ALL TABLES IN SCHEMA market TO bourse_reader;
