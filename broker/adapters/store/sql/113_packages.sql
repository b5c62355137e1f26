-- Packages of 度: lots with a price, and captures that they paid.
SET LOCAL ROLE bourse_projector;

ALTER TABLE market.lots
    DROP CONSTRAINT lots_kind_check,
    ADD CONSTRAINT lots_kind_check CHECK (kind IN (1, 2, 3)),  -- 3 package
    ADD COLUMN unit         text,                              -- of amount_micros; NULL of rows from before: the account's
    ADD COLUMN price_micros bigint NOT NULL DEFAULT 0 CHECK (price_micros >= 0),  -- of a package, in the account's money
    ADD COLUMN buyer        uuid;

-- What of a package's price is still deferred is the price plus all of its moves' money.
ALTER TABLE market.lot_moves
    ADD COLUMN money_micros bigint NOT NULL DEFAULT 0,
    DROP CONSTRAINT lot_moves_check,
    ADD CONSTRAINT lot_moves_check CHECK (CASE kind WHEN 2 THEN amount_micros >= 0 AND money_micros >= 0
                                                    ELSE amount_micros <= 0 AND money_micros <= 0 END
                                          AND (amount_micros <> 0 OR money_micros <> 0));

-- Of a capture that packages paid: DU, and what the attempt comes to in it so far. The other amounts are its money.
ALTER TABLE market.usage_captures
    ADD COLUMN unit         text,
    ADD COLUMN rated_micros bigint,
    ADD CHECK ((unit IS NULL) = (rated_micros IS NULL));

CREATE TABLE market.products (
    id            uuid        PRIMARY KEY,
    name          text        NOT NULL,
    du_micros     bigint      NOT NULL CHECK (du_micros > 0),
    price_micros  bigint      NOT NULL CHECK (price_micros > 0),
    currency      text        NOT NULL,
    valid_ms      bigint      NOT NULL CHECK (valid_ms > 0),
    until         timestamptz,
    published_at  timestamptz NOT NULL
);

-- What was paid beforehand, found by what it paid for.
CREATE INDEX transfers_of_prepaid ON market.transfers (reference) WHERE code IN (17, 21, 25);

-- The view of 106 with what was paid beforehand. Charges are what left the wallet: buying a package is one, using it is none; a
-- reservation is charged when it is bought, and less by what an early end gives back. `unit` is the wallet's.
CREATE OR REPLACE VIEW market.charges AS
SELECT 'on_demand'::text AS kind, t.journal_seq, t.idx, t.at, t.debit AS wallet, j.account, j.unit, t.amount_micros,
       CASE t.code WHEN 3 THEN 'center' WHEN 4 THEN 'margin' ELSE 'tax' END AS part,
       j."user", j.project, a.center, a.pool, j.id AS job, c.attempt, c.revision, c.record, j.name AS text,
       c.started_at AS used_from, c.ended_at AS used_until, c.period, c.adjusts
FROM market.transfers t
JOIN market.usage_captures c ON c.record = t.reference AND c.journal_seq = t.journal_seq
JOIN market.jobs j ON j.id = c.job AND j.hold = t.hold
JOIN market.attempts a ON a.id = c.attempt
WHERE NOT t.pending AND t.code IN (3, 4, 5)
UNION ALL
SELECT 'reserved'::text, t.journal_seq, t.idx, t.at, CASE t.code WHEN 21 THEN t.debit ELSE t.credit END, r.account, r.unit,
       CASE t.code WHEN 21 THEN t.amount_micros ELSE -t.amount_micros END, 'reservation'::text,
       r."by", ''::text, r.center, r.pool, NULL::uuid, NULL::uuid, NULL::integer, r.id,
       r.quantity || CASE r.what WHEN 1 THEN ' nodes' ELSE ' cards' END || ' of ' || r.pool || ' for ' || r.days || ' days',
       r.from_at, r.until_at, NULL::uuid, NULL::uuid
FROM market.transfers t
JOIN market.reservations r ON r.id = t.reference
WHERE NOT t.pending AND t.code IN (21, 25)
UNION ALL
SELECT 'package', t.journal_seq, t.idx, t.at, t.debit, l.account, b.unit, t.amount_micros, 'package',
       l.buyer, '', NULL, NULL, NULL, NULL, NULL, l.id, l.reason, l.issued_at, l.expires_at, NULL, NULL
FROM market.transfers t
JOIN market.lots l ON l.id = t.reference
JOIN market.billing_accounts b ON b.id = l.account AND b.wallet = t.debit
WHERE NOT t.pending AND t.code = 17;

-- What each reading added: charged quantities, and the money; of a job that packages pay, the money of their 度.
CREATE OR REPLACE VIEW market.usage AS
SELECT c.job, c.attempt, c.revision, j.account, j.tenant, j."user", j.project, j.kind AS job_kind, a.center, a.pool, b.unit,
       c.started_at, c.ended_at, c.booked_at, c.final, c.gross_micros,
       c.charged_core_ms - coalesce(p.charged_core_ms, 0) AS core_ms,
       c.charged_gpu_ms - coalesce(p.charged_gpu_ms, 0) AS gpu_ms,
       c.charged_node_ms - coalesce(p.charged_node_ms, 0) AS node_ms,
       c.charged_mem_mib_s - coalesce(p.charged_mem_mib_s, 0) AS mem_mib_s
FROM market.usage_captures c
LEFT JOIN market.usage_captures p ON p.job = c.job AND p.attempt = c.attempt AND p.revision = c.revision - 1
JOIN market.jobs j ON j.id = c.job
JOIN market.billing_accounts b ON b.id = j.account
JOIN market.attempts a ON a.id = c.attempt;

GRANT SELECT ON ALL TABLES IN SCHEMA market TO bourse_reader;
