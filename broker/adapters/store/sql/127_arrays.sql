-- Jobs that wait have no attempt yet; arrays of jobs, and which of them a job is an element of.
SET LOCAL ROLE bourse_projector;

ALTER TABLE market.jobs
    ALTER COLUMN center DROP NOT NULL,
    ALTER COLUMN attempt DROP NOT NULL,
    DROP CONSTRAINT jobs_attempts_check,
    ADD CONSTRAINT jobs_attempts_check CHECK (attempts >= 0 AND (attempts = 0) = (attempt IS NULL)),
    ADD COLUMN array_id uuid,
    ADD COLUMN array_index integer;
CREATE INDEX jobs_by_array ON market.jobs (array_id, array_index) WHERE array_id IS NOT NULL;
-- Lists that show arrays instead of their elements.
CREATE INDEX jobs_of_no_array ON market.jobs (account, id) WHERE array_id IS NULL;

CREATE TABLE market.arrays (
    id            uuid        PRIMARY KEY,
    account       uuid        NOT NULL,
    tenant        uuid        NOT NULL,
    "user"        uuid        NOT NULL,
    quote         uuid,
    unit          text        NOT NULL,
    elements      integer     NOT NULL CHECK (elements > 0),
    held_micros   bigint      NOT NULL CHECK (held_micros >= 0),  -- of each, as placed
    spec          bytea       NOT NULL,
    decision      bytea       NOT NULL,
    submitted_at  timestamptz NOT NULL,
    wait_until    timestamptz NOT NULL,
    journal_seq   bigint      NOT NULL
);
CREATE INDEX arrays_by_account ON market.arrays (account, id);

GRANT SELECT ON ALL TABLES IN SCHEMA market TO bourse_reader;
