-- What periods were charged by the fixed fees of their contracts, booked with their closing.
SET LOCAL ROLE bourse_projector;

CREATE TABLE market.period_fees (
    period             uuid        NOT NULL,
    contract           uuid        NOT NULL,
    center             uuid        NOT NULL,
    monthly_fee_micros bigint      NOT NULL CHECK (monthly_fee_micros > 0),
    tax_bps            integer     NOT NULL CHECK (tax_bps BETWEEN 0 AND 10000),
    zone               text        NOT NULL,    -- '' = UTC
    from_at            timestamptz NOT NULL,
    until_at           timestamptz NOT NULL,
    amount_micros      bigint      NOT NULL CHECK (amount_micros > 0),
    tax_micros         bigint      NOT NULL CHECK (tax_micros BETWEEN 0 AND amount_micros),
    at                 timestamptz NOT NULL,
    journal_seq        bigint      NOT NULL,
    idx                integer     NOT NULL,
    PRIMARY KEY (period, contract),
    CHECK (from_at < until_at)
);
CREATE INDEX ON market.period_fees (at);

CREATE TRIGGER keep_booked BEFORE UPDATE OR DELETE ON market.period_fees FOR EACH STATEMENT EXECUTE FUNCTION market.keep_booked();
CREATE TRIGGER only_new AFTER INSERT ON market.period_fees REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION market.only_new();

GRANT SELECT ON market.period_fees TO bourse_reader;
