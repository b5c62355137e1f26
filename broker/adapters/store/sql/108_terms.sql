-- Terms besides a price a meter.
SET LOCAL ROLE bourse_projector;

-- Dated shares off the list price.
CREATE TABLE market.discounts (
    id             uuid        PRIMARY KEY,
    name           text        NOT NULL,
    tenant         uuid,                    -- NULL = any
    center         uuid,
    pool           text        NOT NULL,    -- empty = any
    qos            text        NOT NULL,
    meter          smallint,                -- NULL = of every meter
    bps            integer     NOT NULL CHECK (bps BETWEEN 1 AND 10000),
    valid_from     timestamptz NOT NULL,
    valid_until    timestamptz,
    published_at   timestamptz NOT NULL
);

GRANT SELECT ON ALL TABLES IN SCHEMA market TO bourse_reader;
