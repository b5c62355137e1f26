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

-- The view of 106 with what was paid beforehand: a reservation is charged when it is bought, and less by what an early end gives back.
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
WHERE NOT t.pending AND t.code IN (21, 25);

GRANT SELECT ON ALL TABLES IN SCHEMA market TO bourse_reader;
