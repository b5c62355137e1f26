-- How far below zero a billing account may go, and until when it may go further; the newest row holds. The ledger account's own
-- credit_limit_micros is what holds at the moment: it falls to these as money comes in.
SET LOCAL ROLE bourse_projector;

CREATE TABLE market.credit_rules (
    account         uuid        NOT NULL,
    journal_seq     bigint      NOT NULL,
    idx             integer     NOT NULL,
    ordinary_micros bigint      NOT NULL CHECK (ordinary_micros >= 0),
    exempt_micros   bigint      NOT NULL CHECK (exempt_micros >= 0),  -- while whitelisted
    until           timestamptz,                                      -- NULL = not whitelisted
    reason          text        NOT NULL,
    at              timestamptz NOT NULL,
    PRIMARY KEY (account, journal_seq, idx)
);

GRANT SELECT ON market.credit_rules TO bourse_reader;
