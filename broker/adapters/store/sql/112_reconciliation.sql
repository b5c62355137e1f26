-- The books against centers' own accounting, and what people made of every break. Ordinary tables; money is in the journal alone.
CREATE SCHEMA reconciliation;

CREATE TABLE reconciliation.checks (
    id           uuid        PRIMARY KEY,
    center       uuid        NOT NULL,
    from_at      timestamptz NOT NULL,     -- runs that ended from here
    until_at     timestamptz NOT NULL,     -- to before here
    tolerance_ms bigint      NOT NULL CHECK (tolerance_ms >= 0),  -- of run time
    sha256       bytea       NOT NULL CHECK (octet_length(sha256) = 32),  -- of the center's file
    accounted    bigint      NOT NULL,     -- attempts, by the center
    booked       bigint      NOT NULL,     -- and by the broker
    agreed       bigint      NOT NULL,
    "by"         uuid        NOT NULL,
    at           timestamptz NOT NULL
);
CREATE INDEX checks_of_center ON reconciliation.checks (center, at DESC);

-- One row an attempt that differs, as the newest check found it; cleared when a later one finds nothing any more.
CREATE TABLE reconciliation.findings (
    attempt             uuid        NOT NULL,
    center              uuid        NOT NULL,
    kind                smallint    NOT NULL CHECK (kind BETWEEN 1 AND 4),  -- reconciliation/comparison.h
    scheduler_job       text        NOT NULL,
    ended_at            timestamptz NOT NULL,
    accounted_core_ms   bigint      NOT NULL,
    accounted_gpu_ms    bigint      NOT NULL,
    accounted_node_ms   bigint      NOT NULL,
    accounted_mem_mib_s bigint      NOT NULL,
    booked_core_ms      bigint      NOT NULL,
    booked_gpu_ms       bigint      NOT NULL,
    booked_node_ms      bigint      NOT NULL,
    booked_mem_mib_s    bigint      NOT NULL,
    at_stake_micros     bigint      NOT NULL,
    unit                text        NOT NULL,
    detail              text        NOT NULL,
    "check"             uuid        NOT NULL REFERENCES reconciliation.checks (id),
    found_at            timestamptz NOT NULL,  -- first
    cleared_at          timestamptz,
    PRIMARY KEY (center, attempt)
);
CREATE INDEX findings_open ON reconciliation.findings (found_at) WHERE cleared_at IS NULL;

-- What people said of a break; the newest is its owner and state. A break is known by where it comes from and what it is of.
CREATE TABLE reconciliation.words (
    source  smallint    NOT NULL,          -- broker/adapters/api/breaks.h
    subject text        NOT NULL,
    n       integer     NOT NULL CHECK (n >= 1),
    "by"    uuid        NOT NULL,
    at      timestamptz NOT NULL,
    owner   uuid,
    state   smallint    NOT NULL CHECK (state IN (1, 2)),  -- 1 open 2 explained
    text    text        NOT NULL,
    figures text        NOT NULL,          -- of the break when it was said: an explanation holds for these alone
    key     text        NOT NULL UNIQUE,   -- a repeat says nothing twice
    PRIMARY KEY (source, subject, n)
);

GRANT USAGE ON SCHEMA reconciliation TO bourse_writer, bourse_reader;
GRANT SELECT, INSERT ON reconciliation.checks, reconciliation.words TO bourse_writer;
GRANT SELECT, INSERT, UPDATE ON reconciliation.findings TO bourse_writer;
GRANT SELECT ON reconciliation.checks, reconciliation.findings, reconciliation.words TO bourse_reader;
