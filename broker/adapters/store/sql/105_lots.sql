-- Credit lots, what moved in them, and the vouchers that some came from.
SET LOCAL ROLE bourse_projector;

CREATE TABLE market.lots (
    id            uuid        PRIMARY KEY,
    account       uuid        NOT NULL,
    kind          smallint    NOT NULL CHECK (kind IN (1, 2)),  -- 1 grant 2 voucher
    amount_micros bigint      NOT NULL CHECK (amount_micros > 0),
    issued_at     timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    reference     uuid,                    -- of a voucher its batch
    reason        text        NOT NULL,
    journal_seq   bigint      NOT NULL
);
CREATE INDEX lots_by_account ON market.lots (account, expires_at, id);

-- What is left of a lot is its amount plus all of these.
CREATE TABLE market.lot_moves (
    lot           uuid        NOT NULL,
    journal_seq   bigint      NOT NULL,
    idx           integer     NOT NULL,    -- of the event in its row
    kind          smallint    NOT NULL CHECK (kind IN (1, 2, 3)),  -- 1 paid for usage 2 given back 3 taken back after its time
    amount_micros bigint      NOT NULL CHECK ((amount_micros > 0) = (kind = 2) AND amount_micros <> 0),
    attempt       uuid,                    -- of 1 and 2
    at            timestamptz NOT NULL,
    PRIMARY KEY (lot, journal_seq, idx)
);
CREATE INDEX lot_moves_by_attempt ON market.lot_moves (attempt) WHERE attempt IS NOT NULL;

CREATE TABLE market.voucher_batches (
    id            uuid        PRIMARY KEY,
    unit          text        NOT NULL,
    amount_micros bigint      NOT NULL CHECK (amount_micros > 0),
    count         integer     NOT NULL CHECK (count > 0),
    redeem_by     timestamptz NOT NULL,
    valid_ms      bigint      NOT NULL,    -- after redeeming; 0: until
    expires_at    timestamptz,             -- this instant
    reason        text        NOT NULL,
    issued_at     timestamptz NOT NULL,
    journal_seq   bigint      NOT NULL
);

CREATE TABLE market.voucher_redemptions (
    lot           uuid        PRIMARY KEY,
    batch         uuid        NOT NULL,
    "by"          uuid        NOT NULL,
    at            timestamptz NOT NULL
);
CREATE INDEX voucher_redemptions_by_batch ON market.voucher_redemptions (batch);

GRANT SELECT ON ALL TABLES IN SCHEMA market TO bourse_reader;
