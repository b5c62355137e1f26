-- A tax invoice's lines have an item, a tax rate and the tax that was booked; and what they are made of (docs/adr/0017).
SET LOCAL ROLE bourse_projector;

ALTER TABLE market.invoice_lines
    ADD COLUMN item       smallint NOT NULL DEFAULT 0,  -- 0 all of a month: of invoices from before; 1 on_demand 2 reserved 3 package
    ADD COLUMN net_micros bigint   NOT NULL DEFAULT 0,
    ADD COLUMN tax_bps    integer  NOT NULL DEFAULT 0,
    ADD COLUMN tax_micros bigint   NOT NULL DEFAULT 0,
    DROP CONSTRAINT invoice_lines_pkey,
    ADD PRIMARY KEY (invoice, month, item, tax_bps),
    ADD CHECK (item = 0 OR amount_micros = net_micros + tax_micros);

-- Of the plan; NULL of attempts that were projected before.
ALTER TABLE market.attempts ADD COLUMN tax_bps integer;

-- The rate of the center's contract in force then.
CREATE FUNCTION market.tax_bps_at(center uuid, at timestamptz) RETURNS integer LANGUAGE sql STABLE AS $$
  SELECT k.tax_bps FROM market.contracts k WHERE k.center = $1 AND k.valid_from <= $2 ORDER BY k.valid_from DESC LIMIT 1
$$;

-- What an account's bookings earned, and the tax in it: the rows of finance's revenue and tax report, each with its account, item and
-- rate. An older attempt's rate is that of the contract when its price was decided.
CREATE VIEW market.earned AS
SELECT j.account, t.at, CASE WHEN c.unit IS NULL THEN 1 ELSE 3 END AS item,
       coalesce(a.tax_bps, market.tax_bps_at(a.center, coalesce(q.issued_at, j.submitted_at)), 0) AS tax_bps,
       c.gross_micros, c.tax_micros
FROM market.jobs j
JOIN market.usage_captures c ON c.job = j.id
JOIN market.attempts a ON a.id = c.attempt
LEFT JOIN market.quotes q ON q.id = j.quote,
LATERAL (SELECT at FROM market.transfers WHERE journal_seq = c.journal_seq LIMIT 1) t
WHERE c.gross_micros > 0
UNION ALL
SELECT d.account, t.at,
       CASE WHEN EXISTS (SELECT 1 FROM market.usage_captures c WHERE c.job = d.job AND c.attempt = d.attempt AND c.unit IS NOT NULL) THEN 3 ELSE 1 END,
       coalesce(a.tax_bps, market.tax_bps_at(a.center, coalesce(q.issued_at, j.submitted_at)), 0), -d.user_micros, d.tax_micros
FROM market.adjustments d
JOIN market.attempts a ON a.id = d.attempt
JOIN market.jobs j ON j.id = d.job
LEFT JOIN market.quotes q ON q.id = j.quote,
LATERAL (SELECT at FROM market.transfers WHERE journal_seq = d.journal_seq LIMIT 1) t
WHERE d.user_micros <> 0
UNION ALL
SELECT r.account, t.at, 2, k.tax_bps, e.gross_micros, e.tax_micros
FROM market.reservations r
JOIN market.reservation_accruals e ON e.reservation = r.id
JOIN market.contracts k ON k.id = r.contract,
LATERAL (SELECT at FROM market.transfers WHERE journal_seq = e.journal_seq LIMIT 1) t
WHERE e.gross_micros > 0
UNION ALL
-- What was paid for the rest of a package that expired: no tax is booked with it.
SELECT l.account, t.at, 3, 0, t.amount_micros, 0::bigint
FROM market.lots l
JOIN market.transfers t ON t.reference = l.id AND t.code = 19 AND NOT t.pending
JOIN market.ledger_accounts p ON p.id = t.credit AND p.code = 4;

-- Found by the lot: packages that expired are few.
CREATE INDEX transfers_of_expired ON market.transfers (reference) WHERE code = 19;

GRANT SELECT ON market.earned TO bourse_reader;
