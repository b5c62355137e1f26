-- The view of 113, what a reversed package gives back, and both accounts of each transfer as transfers_by_account has them, for those who ask for one wallet's charges.
SET LOCAL ROLE bourse_projector;

CREATE OR REPLACE VIEW market.charges AS
SELECT 'on_demand'::text AS kind, t.journal_seq, t.idx, t.at, t.debit AS wallet, j.account, j.unit, t.amount_micros,
       CASE t.code WHEN 3 THEN 'center' WHEN 4 THEN 'margin' ELSE 'tax' END AS part,
       j."user", j.project, a.center, a.pool, j.id AS job, c.attempt, c.revision, c.record, j.name AS text,
       c.started_at AS used_from, c.ended_at AS used_until, c.period, c.adjusts, ARRAY[t.debit, t.credit] AS sides
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
       r.from_at, r.until_at, NULL::uuid, NULL::uuid, ARRAY[t.debit, t.credit]
FROM market.transfers t
JOIN market.reservations r ON r.id = t.reference
WHERE NOT t.pending AND t.code IN (21, 25)
UNION ALL
SELECT 'package', t.journal_seq, t.idx, t.at, t.debit, l.account, b.unit, t.amount_micros, 'package',
       l.buyer, '', NULL, NULL, NULL, NULL, NULL, l.id, l.reason, l.issued_at, l.expires_at, NULL, NULL, ARRAY[t.debit, t.credit]
FROM market.transfers t
JOIN market.lots l ON l.id = t.reference
JOIN market.billing_accounts b ON b.id = l.account AND b.wallet = t.debit
WHERE NOT t.pending AND t.code = 17
UNION ALL
SELECT 'package', t.journal_seq, t.idx, t.at, t.credit, l.account, b.unit, -t.amount_micros, 'package',
       l.buyer, '', NULL, NULL, NULL, NULL, NULL, l.id, l.reason, l.issued_at, l.expires_at, NULL, NULL, ARRAY[t.debit, t.credit]
FROM market.transfers t
JOIN market.lots l ON l.id = t.reference
JOIN market.billing_accounts b ON b.id = l.account AND b.wallet = t.credit
WHERE NOT t.pending AND t.code = 28;

-- Expired packages, in the revenue of a month.
CREATE INDEX transfers_expired ON market.transfers (at) WHERE code = 19;
