-- Reserved capacity: sold beforehand, earned day by day. Rows are only ever added; what became of a reservation is a row of its own.
SET LOCAL ROLE bourse_projector;

CREATE TABLE market.reserved_prices (
    id             uuid        PRIMARY KEY,
    tenant         uuid,                    -- NULL = all
    center         uuid        NOT NULL,
    pool           text        NOT NULL,
    what           smallint    NOT NULL,    -- 1 node 2 card
    term           smallint    NOT NULL,    -- 1 month 2 year
    price_micros   bigint      NOT NULL CHECK (price_micros > 0),
    unit           text        NOT NULL,
    early_end_bps  integer     NOT NULL CHECK (early_end_bps BETWEEN 0 AND 10000),
    valid_from     timestamptz NOT NULL,
    valid_until    timestamptz,
    published_at   timestamptz NOT NULL
);

CREATE TABLE market.reservations (
    id                uuid        PRIMARY KEY,
    account           uuid        NOT NULL,
    "by"              uuid        NOT NULL,
    center            uuid        NOT NULL,
    pool              text        NOT NULL,
    what              smallint    NOT NULL,
    quantity          bigint      NOT NULL CHECK (quantity > 0),
    term              smallint    NOT NULL,
    terms             integer     NOT NULL CHECK (terms > 0),
    unit              text        NOT NULL,
    price_micros      bigint      NOT NULL CHECK (price_micros > 0),
    price_row         uuid        NOT NULL,
    contract          uuid        NOT NULL,
    settlement_micros bigint,                   -- what the center gets of it; NULL = its share by the terms
    first_day         bigint      NOT NULL,     -- days since 1970 on the account's calendar
    days              integer     NOT NULL CHECK (days > 0),
    from_at           timestamptz NOT NULL,
    until_at          timestamptz NOT NULL,
    bought_at         timestamptz NOT NULL,
    renews            uuid,
    body              bytea       NOT NULL,     -- as bought, in the journal's encoding (broker/domain/reservation.h)
    journal_seq       bigint      NOT NULL
);
CREATE INDEX ON market.reservations (account, id);

CREATE TABLE market.reservation_accruals (
    reservation         uuid        NOT NULL,
    center              uuid        NOT NULL,
    days                integer,                 -- over by then, in all; NULL = the early end's fee
    fee                 boolean     NOT NULL,
    gross_micros        bigint      NOT NULL CHECK (gross_micros >= 0),
    center_share_micros bigint      NOT NULL,
    margin_micros       bigint      NOT NULL,
    tax_micros          bigint      NOT NULL,
    period              uuid        NOT NULL,
    at                  timestamptz NOT NULL,
    journal_seq         bigint      NOT NULL,
    idx                 integer     NOT NULL,
    PRIMARY KEY (journal_seq, idx),
    CHECK (gross_micros = center_share_micros + margin_micros + tax_micros)
);
CREATE INDEX ON market.reservation_accruals (reservation);
CREATE INDEX ON market.reservation_accruals (period);

CREATE TABLE market.reservation_ends (
    reservation     uuid        PRIMARY KEY,
    state           smallint    NOT NULL,    -- 2 expired 3 ended early
    returned_micros bigint      NOT NULL CHECK (returned_micros >= 0),
    reason          text        NOT NULL,
    at              timestamptz NOT NULL,
    journal_seq     bigint      NOT NULL
);

CREATE TABLE market.reservation_renewals (
    reservation uuid        NOT NULL,
    renew       boolean     NOT NULL,
    "by"        uuid        NOT NULL,
    at          timestamptz NOT NULL,
    journal_seq bigint      NOT NULL,
    idx         integer     NOT NULL,
    PRIMARY KEY (journal_seq, idx)
);

GRANT SELECT ON ALL TABLES IN SCHEMA market TO bourse_reader;
