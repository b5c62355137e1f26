-- Holds that pay for a part of a run at a time.
SET LOCAL ROLE bourse_projector;

ALTER TABLE market.account_policies
    ADD COLUMN when_empty     smallint NOT NULL DEFAULT 0,  -- 0 stop 1 pause
    ADD COLUMN pause_limit_ms bigint   NOT NULL DEFAULT 0 CHECK (pause_limit_ms >= 0);

CREATE TABLE market.renewals (
    job         uuid        NOT NULL,
    journal_seq bigint      NOT NULL,
    idx         integer     NOT NULL,
    kind        smallint    NOT NULL,  -- 1 held for longer 2 could not be held 3 pause asked for 4 resumption asked for
    micros      bigint      NOT NULL CHECK (micros >= 0),  -- by which the hold grew, or was to grow
    covered_ms  bigint      NOT NULL,  -- 1: running time that the hold pays for now; 2: what was left of it
    detail      text        NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (job, journal_seq, idx)
);

GRANT SELECT ON ALL TABLES IN SCHEMA market TO bourse_reader;
