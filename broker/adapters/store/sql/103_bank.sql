-- What banks' statements told, and what became of it. Ordinary tables; money is in the journal alone. Every row is one
-- payment, known by its identity (bank/identity.h), so that files may overlap.
CREATE SCHEMA bank;

CREATE TABLE bank.files (
    sha256      bytea       PRIMARY KEY CHECK (length(sha256) = 32),
    name        text        NOT NULL,
    imported_by uuid        NOT NULL,
    imported_at timestamptz NOT NULL
);

CREATE TABLE bank.entries (
    identity       bytea       PRIMARY KEY CHECK (length(identity) = 32),
    entry          bytea       NOT NULL CHECK (length(entry) = 32),  -- of the entry that it belongs to; may be itself
    file           bytea       NOT NULL REFERENCES bank.files (sha256),  -- the first that told it
    amount_micros  bigint      NOT NULL,     -- above zero came in
    unit           text        NOT NULL,
    booked_on      text        NOT NULL,     -- as the bank wrote it
    value_on       text        NOT NULL,
    bank_reference text        NOT NULL,
    end_to_end_id  text        NOT NULL,
    other_name     text        NOT NULL,
    other_account  text        NOT NULL,
    remittance     text        NOT NULL,
    imported_at    timestamptz NOT NULL,
    state          smallint    NOT NULL DEFAULT 1 CHECK (state BETWEEN 1 AND 5),  -- 1 open 2 proposed 3 booked 4 paid 5 returned
    reason         text        NOT NULL DEFAULT '',  -- why it is open
    account        uuid,                     -- billing account that it was, or is to be, credited to
    payout         uuid,
    proposal       uuid
);
CREATE INDEX entries_by_entry ON bank.entries (entry);
CREATE INDEX entries_by_state ON bank.entries (state, identity) WHERE state IN (1, 2);

GRANT USAGE ON SCHEMA bank TO bourse_writer, bourse_reader;
GRANT SELECT, INSERT ON bank.files TO bourse_writer;
GRANT SELECT, INSERT ON bank.entries TO bourse_writer;
GRANT UPDATE (state, reason, account, payout, proposal) ON bank.entries TO bourse_writer;
GRANT SELECT ON bank.files, bank.entries TO bourse_reader;
