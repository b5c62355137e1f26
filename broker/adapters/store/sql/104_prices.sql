-- Prices beyond one a meter, and what centers get by prices of their own.
SET LOCAL ROLE bourse_projector;

-- `body` is the whole row in the journal's encoding (pricing/price_book.h); NULL of rows from before, which have no more
-- than their columns say.
ALTER TABLE market.price_rows
    ADD COLUMN strategy       smallint NOT NULL DEFAULT 0,  -- 0 by meter, else of scow: 1 cpusAlloc 2 gpu 3 max-cpusAlloc-mem 4 max-gpu-cpusAlloc
    ADD COLUMN places         smallint NOT NULL DEFAULT 2,
    ADD COLUMN minimum_micros bigint   NOT NULL DEFAULT 0 CHECK (minimum_micros >= 0),
    ADD COLUMN body           bytea;

ALTER TABLE market.contracts
    ADD COLUMN may_subsidise  boolean  NOT NULL DEFAULT false;  -- settlement may come to more than the sale's net price

-- A contract's own prices for its center, where it has any; users never see these.
CREATE TABLE market.settlement_rows (
    contract       uuid        NOT NULL,
    id             uuid        NOT NULL,
    pool           text        NOT NULL,   -- empty = any
    qos            text        NOT NULL,
    meter          smallint    NOT NULL,
    price          numeric     NOT NULL CHECK (price >= 0),
    per            bigint      NOT NULL CHECK (per > 0),
    unit           text        NOT NULL,
    valid_from     timestamptz NOT NULL,
    valid_until    timestamptz,
    strategy       smallint    NOT NULL,
    places         smallint    NOT NULL,
    minimum_micros bigint      NOT NULL CHECK (minimum_micros >= 0),
    body           bytea       NOT NULL,
    PRIMARY KEY (contract, id)
);

ALTER TABLE market.rated_lines
    ADD COLUMN free            bigint NOT NULL DEFAULT 0 CHECK (free >= 0),             -- ticks that cost nothing
    ADD COLUMN discount_micros bigint NOT NULL DEFAULT 0 CHECK (discount_micros >= 0),  -- amount + discount is the list price
    ADD COLUMN discount        uuid;                                                    -- NULL = none

-- A margin may be below zero where the contract says so, and a period's with it.
ALTER TABLE market.periods DROP CONSTRAINT periods_margin_micros_check;

GRANT SELECT ON ALL TABLES IN SCHEMA market TO bourse_reader;
