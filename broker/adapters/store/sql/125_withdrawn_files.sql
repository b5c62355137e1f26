-- Payment files that a bank refused whole: their payouts may be in another file.
SET LOCAL ROLE bourse_projector;

CREATE TABLE market.payment_file_withdrawals (
    file        uuid        PRIMARY KEY,
    reason      text        NOT NULL,
    at          timestamptz NOT NULL,
    journal_seq bigint      NOT NULL
);
ALTER TABLE market.payment_file_payouts DROP CONSTRAINT payment_file_payouts_pkey;
ALTER TABLE market.payment_file_payouts ADD PRIMARY KEY (payout, file);

-- The file that a payout is in.
CREATE VIEW market.standing_files AS
SELECT f.payout, f.file
FROM market.payment_file_payouts f
WHERE NOT EXISTS (SELECT 1 FROM market.payment_file_withdrawals w WHERE w.file = f.file);

GRANT SELECT ON ALL TABLES IN SCHEMA market TO bourse_reader;
