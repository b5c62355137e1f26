-- Books: payment files, tax invoices, projects, and what statements of accounts, bills and usage are read from.
SET LOCAL ROLE bourse_projector;

ALTER TABLE market.jobs ADD COLUMN project text NOT NULL DEFAULT '';

CREATE TABLE market.payment_files (
    id          uuid        PRIMARY KEY,    -- the message's id
    sha256      bytea       NOT NULL,       -- of the file, in blob.blobs
    "by"        uuid,
    at          timestamptz NOT NULL,
    journal_seq bigint      NOT NULL
);
CREATE TABLE market.payment_file_payouts (
    payout uuid PRIMARY KEY,                -- a payout is in one file
    file   uuid NOT NULL
);

CREATE TABLE market.invoices (
    id            uuid        PRIMARY KEY,
    account       uuid        NOT NULL,
    "by"          uuid        NOT NULL,
    unit          text        NOT NULL,
    amount_micros bigint      NOT NULL CHECK (amount_micros > 0),
    kind          smallint    NOT NULL,     -- 1 ordinary 2 special
    title         text        NOT NULL,
    tax_number    text        NOT NULL,
    body          bytea       NOT NULL,     -- the whole request, in the journal's codec
    requested_at  timestamptz NOT NULL,
    journal_seq   bigint      NOT NULL
);
CREATE INDEX invoices_by_account ON market.invoices (account, id);
CREATE TABLE market.invoice_lines (
    invoice       uuid     NOT NULL,
    month         integer  NOT NULL,        -- since year 0, on the account's calendar
    amount_micros bigint   NOT NULL CHECK (amount_micros > 0),
    PRIMARY KEY (invoice, month)
);
CREATE TABLE market.invoice_moves (         -- the newest is its state
    invoice     uuid        NOT NULL,
    journal_seq bigint      NOT NULL,
    idx         integer     NOT NULL,
    state       smallint    NOT NULL,       -- 2 issued 3 rejected 4 withdrawn 5 reversed
    number      text        NOT NULL,       -- of the invoice, or of the red-letter one that reverses it
    date        text        NOT NULL,
    reason      text        NOT NULL,
    "by"        uuid,
    at          timestamptz NOT NULL,
    PRIMARY KEY (invoice, journal_seq, idx)
);

-- Statements of a ledger account go along these; pending ones are told by holds. A span of all is found by time.
CREATE INDEX transfers_by_debit  ON market.transfers (debit, at) WHERE NOT pending;
CREATE INDEX transfers_by_credit ON market.transfers (credit, at) WHERE NOT pending;
CREATE INDEX transfers_by_time   ON market.transfers USING brin (at);
CREATE INDEX usage_captures_by_end ON market.usage_captures (ended_at);
CREATE INDEX usage_captures_by_booking ON market.usage_captures USING brin (booked_at);

-- Every posted leg that took money out of a wallet for something: one row a leg, `at` when it was booked. Other kinds of
-- charges than a job's usage join as further arms; Σ amount of a wallet's rows is what its charges took out of it.
CREATE VIEW market.charges AS
SELECT 'on_demand'::text AS kind, t.journal_seq, t.idx, t.at, t.debit AS wallet, j.account, j.unit, t.amount_micros,
       CASE t.code WHEN 3 THEN 'center' WHEN 4 THEN 'margin' ELSE 'tax' END AS part,
       j."user", j.project, a.center, a.pool, j.id AS job, c.attempt, c.revision, c.record, j.name AS text,
       c.started_at AS used_from, c.ended_at AS used_until, c.period, c.adjusts
FROM market.transfers t
JOIN market.usage_captures c ON c.record = t.reference AND c.journal_seq = t.journal_seq
JOIN market.jobs j ON j.id = c.job AND j.hold = t.hold
JOIN market.attempts a ON a.id = c.attempt
WHERE NOT t.pending AND t.code IN (3, 4, 5);

-- What each reading added: charged quantities, and the money. A reading is of the moment at which its usage ended.
CREATE VIEW market.usage AS
SELECT c.job, c.attempt, c.revision, j.account, j.tenant, j."user", j.project, j.kind AS job_kind, a.center, a.pool, j.unit,
       c.started_at, c.ended_at, c.booked_at, c.final, c.gross_micros,
       c.charged_core_ms - coalesce(p.charged_core_ms, 0) AS core_ms,
       c.charged_gpu_ms - coalesce(p.charged_gpu_ms, 0) AS gpu_ms,
       c.charged_node_ms - coalesce(p.charged_node_ms, 0) AS node_ms,
       c.charged_mem_mib_s - coalesce(p.charged_mem_mib_s, 0) AS mem_mib_s
FROM market.usage_captures c
LEFT JOIN market.usage_captures p ON p.job = c.job AND p.attempt = c.attempt AND p.revision = c.revision - 1
JOIN market.jobs j ON j.id = c.job
JOIN market.attempts a ON a.id = c.attempt;

GRANT SELECT ON ALL TABLES IN SCHEMA market TO bourse_reader;
