-- Projections: the journal as ordinary tables, for queries, reports and other tools. Written by the projector alone, which
-- owns them; they may be emptied and rebuilt from the journal at any time. The CHECKs are a second line of defence.
--
-- Ids are UUIDs (version 7, so keys sort by time). Amounts are micro-units (0.000001) in the unit named beside them or by
-- the account. Instants are NULL when not set. Enumerations are the numbers of the C++ headers, listed at each column.
-- Tables whose rows change leave room on their pages, so that a change touches no index.
CREATE SCHEMA market AUTHORIZATION bourse_projector;
SET LOCAL ROLE bourse_projector;

-- How far the projections are: every row with seq <= this one is in them, and nothing of any later one.
CREATE TABLE market.projector_cursor (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    seq  bigint NOT NULL,
    hash bytea  NOT NULL
);
INSERT INTO market.projector_cursor (seq, hash) VALUES (0, decode(repeat('00', 32), 'hex'));

-- ---------------------------------------------------------------- the ledger

CREATE TABLE market.ledger_accounts (
    id                     uuid     PRIMARY KEY,
    unit                   text     NOT NULL CHECK (length(unit) BETWEEN 2 AND 4),
    code                   smallint NOT NULL,  -- 1 wallet 2 holds 3 center_payable 4 platform_revenue 5 tax_payable
                                               -- 6 deferred_revenue 7 grants 8 dispute_escrow 9 bank_clearing
                                               -- 10 payout_in_transit 11 rounding 12 platform_risk
    limited                smallint NOT NULL,  -- 0 none, 1 its available credit may not fall below -credit_limit
    credit_limit_micros    bigint   NOT NULL,
    owner                  uuid,               -- billing account or center; NULL = the platform
    debits_pending_micros  bigint   NOT NULL CHECK (debits_pending_micros >= 0),
    debits_posted_micros   bigint   NOT NULL CHECK (debits_posted_micros >= 0),
    credits_pending_micros bigint   NOT NULL CHECK (credits_pending_micros >= 0),
    credits_posted_micros  bigint   NOT NULL CHECK (credits_posted_micros >= 0),
    opened_seq             bigint   NOT NULL,
    opened_idx             integer  NOT NULL,  -- (opened_seq, opened_idx) is the order in which accounts were opened
    CHECK (limited = 0 OR credits_posted_micros - debits_posted_micros - debits_pending_micros >= -credit_limit_micros)
) WITH (fillfactor = 60);

-- A transfer's number is (journal_seq, idx). `pending` rows move pending counters only: a hold's placing and extension
-- (wallet to holds, code 2) and what goes back at its end (holds to wallet, code 6). A `posted` row with a hold is a leg
-- of a capture: it posts, and takes its amount from the hold's pending pair.
CREATE TABLE market.transfers (
    journal_seq   bigint      NOT NULL,
    idx           integer     NOT NULL,
    id            uuid,                     -- the caller's, of a directly posted transfer; NULL for holds and captures
    debit         uuid        NOT NULL,
    credit        uuid        NOT NULL,
    amount_micros bigint      NOT NULL CHECK (amount_micros > 0),
    pending       boolean     NOT NULL,
    code          smallint    NOT NULL,     -- 0 other 1 top_up 2 hold 3 capture_center 4 capture_margin 5 capture_tax
                                            -- 6 release 7 payout 8 reversal 9 risk
    reference     uuid,                     -- the business id: a job, usage record, period, bank entry…
    hold          uuid,
    at            timestamptz NOT NULL,     -- booked: the journal row's time
    PRIMARY KEY (journal_seq, idx),
    CHECK (debit <> credit)
);
CREATE INDEX transfers_by_hold ON market.transfers (hold) WHERE pending;
CREATE INDEX transfers_by_reference ON market.transfers (reference) WHERE code IN (1, 7, 8, 9);

CREATE TABLE market.transfer_refusals (
    journal_seq bigint   NOT NULL,
    idx         integer  NOT NULL,
    id          uuid     NOT NULL,
    fingerprint bigint   NOT NULL,          -- the 64 bits, as signed
    error       smallint NOT NULL,
    PRIMARY KEY (journal_seq, idx)
);

CREATE TABLE market.holds (
    id              uuid        PRIMARY KEY,
    wallet          uuid        NOT NULL,   -- ledger account
    holds           uuid        NOT NULL,   -- ledger account
    amount_micros   bigint      NOT NULL CHECK (amount_micros > 0),
    captured_micros bigint      NOT NULL CHECK (captured_micros >= 0),
    released_micros bigint      NOT NULL CHECK (released_micros >= 0),
    expires_at      timestamptz,
    reference       uuid,                   -- the job
    ended           smallint    NOT NULL,   -- 0 no, 1 released, 2 expired
    placed_at       timestamptz NOT NULL,
    CHECK (captured_micros + released_micros <= amount_micros),
    CHECK (ended = 0 OR captured_micros + released_micros = amount_micros)
) WITH (fillfactor = 50);

-- ---------------------------------------------------------------- who trades

CREATE TABLE market.billing_accounts (
    id        uuid        PRIMARY KEY,
    tenant    uuid        NOT NULL,
    name      text        NOT NULL,
    wallet    uuid        NOT NULL,         -- ledger account
    unit      text        NOT NULL,
    owner     uuid        NOT NULL,         -- user
    opened_at timestamptz NOT NULL
);
CREATE INDEX billing_accounts_by_tenant ON market.billing_accounts (tenant);

CREATE TABLE market.account_members (
    account  uuid NOT NULL,
    "user"   uuid NOT NULL,                 -- the owner too
    added_at timestamptz NOT NULL,
    PRIMARY KEY (account, "user")
);
CREATE INDEX account_members_by_user ON market.account_members ("user");

CREATE TABLE market.centers (
    id                  uuid        PRIMARY KEY,
    name                text        NOT NULL UNIQUE,
    state               smallint    NOT NULL,  -- 1 active 2 paused 3 quarantined
    state_reason        text        NOT NULL,
    connector           uuid        NOT NULL,
    identity_key        bytea       NOT NULL,
    billing_key         bytea       NOT NULL,
    enrolled_at         timestamptz NOT NULL,
    report_epoch        bigint      NOT NULL,  -- newest accepted report
    report_seq          bigint      NOT NULL,
    report_hash         bytea       NOT NULL,
    reports             bigint      NOT NULL,  -- accepted in all
    quarantined_records bigint      NOT NULL
) WITH (fillfactor = 60);

CREATE TABLE market.contracts (
    id         uuid        PRIMARY KEY,
    center     uuid        NOT NULL,
    unit       text        NOT NULL,
    tax_bps    integer     NOT NULL CHECK (tax_bps BETWEEN 0 AND 10000),
    margin_bps integer     NOT NULL CHECK (margin_bps BETWEEN 0 AND 10000),
    valid_from timestamptz NOT NULL,
    cycle_ms   bigint      NOT NULL
);

CREATE TABLE market.price_rows (
    id           uuid        PRIMARY KEY,
    tenant       uuid,                      -- NULL or empty = any
    center       uuid,
    pool         text        NOT NULL,
    qos          text        NOT NULL,
    meter        smallint    NOT NULL,      -- 0 core_ms 1 gpu_ms 2 node_ms 3 mem_mib_s
    price        numeric     NOT NULL CHECK (price >= 0),  -- as written, of `unit` per `per` ticks of the meter
    per          bigint      NOT NULL CHECK (per > 0),
    unit         text        NOT NULL,
    valid_from   timestamptz NOT NULL,
    valid_until  timestamptz,
    published_at timestamptz NOT NULL
);

-- ---------------------------------------------------------------- jobs

-- `spec` and `decision` are in the journal's encoding (broker/domain/job.h, read with codec::Reader).
CREATE TABLE market.quotes (
    id          uuid        PRIMARY KEY,
    account     uuid        NOT NULL,
    "user"      uuid        NOT NULL,
    spec        bytea       NOT NULL,
    decision    bytea       NOT NULL,
    issued_at   timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    dropped     boolean     NOT NULL        -- accepted or expired
);
ALTER TABLE market.quotes ALTER COLUMN spec SET STORAGE EXTERNAL, ALTER COLUMN decision SET STORAGE EXTERNAL;

CREATE TABLE market.jobs (
    id               uuid        PRIMARY KEY,
    account          uuid        NOT NULL,
    tenant           uuid        NOT NULL,
    "user"           uuid        NOT NULL,
    quote            uuid,
    name             text        NOT NULL,
    state            smallint    NOT NULL,  -- 1 routed 2 ordered 3 queued 4 running 5 ending 6 ended 7 failed 8 cancelled
    cancel_requested boolean     NOT NULL,
    center           uuid        NOT NULL,  -- of the newest attempt
    pool             text        NOT NULL,
    scheduler_job    text        NOT NULL,
    attempt          uuid        NOT NULL,
    attempts         integer     NOT NULL CHECK (attempts >= 1),
    unit             text        NOT NULL,
    hold             uuid        NOT NULL,
    held_micros      bigint      NOT NULL CHECK (held_micros >= 0),     -- as placed and extended
    charged_micros   bigint      NOT NULL CHECK (charged_micros >= 0),
    exit_code        integer     NOT NULL,
    reason           text        NOT NULL,
    submitted_at     timestamptz NOT NULL,
    started_at       timestamptz,
    ended_at         timestamptz,           -- when the job was closed
    kind             smallint    NOT NULL,  -- 0 batch 1 session 2 service
    cores            bigint      NOT NULL,
    gpus             bigint      NOT NULL,
    nodes            bigint      NOT NULL,
    mem_mib          bigint      NOT NULL,
    walltime_ms      bigint      NOT NULL,
    objective        smallint    NOT NULL,  -- 0 cheapest 1 fastest 2 best_value
    script           bytea       NOT NULL,  -- SHA-256, in blob.blobs
    spec             bytea       NOT NULL,
    decision         bytea       NOT NULL,
    journal_seq      bigint      NOT NULL,  -- the row that changed it last
    CHECK (charged_micros <= held_micros)
) WITH (fillfactor = 50);
-- Packed already: no time goes into compressing it.
ALTER TABLE market.jobs ALTER COLUMN spec SET STORAGE EXTERNAL, ALTER COLUMN decision SET STORAGE EXTERNAL;
CREATE INDEX jobs_by_account ON market.jobs (account, id);
CREATE INDEX jobs_by_tenant ON market.jobs (tenant, id);

CREATE TABLE market.attempts (
    id                 uuid        PRIMARY KEY,
    job                uuid        NOT NULL,
    fence              integer     NOT NULL CHECK (fence >= 1),
    plan               integer     NOT NULL,
    center             uuid        NOT NULL,
    pool               text        NOT NULL,
    ordered_at         timestamptz NOT NULL,
    not_after          timestamptz NOT NULL,
    order_hash         bytea,               -- NULL until the center named it
    scheduler_job      text        NOT NULL,
    happened           smallint    NOT NULL,  -- the furthest reported: 0 nothing yet, else as attempt_events.happening
    started_at         timestamptz,
    ended_at           timestamptz,         -- the center's end; NULL while it runs
    exit_code          integer     NOT NULL,
    core_ms            bigint      NOT NULL,  -- newest accepted readings, as reported
    gpu_ms             bigint      NOT NULL,
    node_ms            bigint      NOT NULL,
    mem_mib_s          bigint      NOT NULL,
    usage_revision     integer     NOT NULL,
    usage_final        boolean     NOT NULL,
    charged_micros     bigint      NOT NULL CHECK (charged_micros >= 0)
) WITH (fillfactor = 50);
CREATE INDEX attempts_by_job ON market.attempts (job);

-- What centers reported of attempts, in order.
CREATE TABLE market.attempt_events (
    journal_seq   bigint      NOT NULL,
    idx           integer     NOT NULL,
    job           uuid        NOT NULL,
    attempt       uuid        NOT NULL,
    happening     smallint    NOT NULL,     -- 1 accepted 2 queued 3 started 4 ended 5 cancelled 6 rejected
                                            -- 7 never_submitted 8 unknown
    at            timestamptz NOT NULL,     -- the center's
    scheduler_job text        NOT NULL,
    exit_code     integer     NOT NULL,
    reason        text        NOT NULL,
    PRIMARY KEY (job, journal_seq, idx)
);

CREATE TABLE market.usage_captures (
    attempt             uuid        NOT NULL,
    revision            integer     NOT NULL CHECK (revision >= 1),
    job                 uuid        NOT NULL,
    record              uuid        NOT NULL,  -- the center's usage record id
    period              uuid        NOT NULL,
    final               boolean     NOT NULL,
    reported_core_ms    bigint      NOT NULL,
    reported_gpu_ms     bigint      NOT NULL,
    reported_node_ms    bigint      NOT NULL,
    reported_mem_mib_s  bigint      NOT NULL,
    charged_core_ms     bigint      NOT NULL,
    charged_gpu_ms      bigint      NOT NULL,
    charged_node_ms     bigint      NOT NULL,
    charged_mem_mib_s   bigint      NOT NULL,
    gross_micros        bigint      NOT NULL CHECK (gross_micros >= 0),  -- what this capture added
    center_share_micros bigint      NOT NULL CHECK (center_share_micros >= 0),
    margin_micros       bigint      NOT NULL CHECK (margin_micros >= 0),
    tax_micros          bigint      NOT NULL CHECK (tax_micros >= 0),
    started_at          timestamptz NOT NULL,
    ended_at            timestamptz NOT NULL,
    booked_at           timestamptz NOT NULL,
    report              bytea       NOT NULL,  -- SHA-256 of the signed report, in blob.blobs
    journal_seq         bigint      NOT NULL,
    idx                 integer     NOT NULL,
    PRIMARY KEY (job, attempt, revision),
    CHECK (gross_micros = center_share_micros + margin_micros + tax_micros)
);
CREATE INDEX usage_captures_by_period ON market.usage_captures (period, journal_seq, idx);

-- The lines of each capture; amounts are cumulative over the attempt.
CREATE TABLE market.rated_lines (
    attempt       uuid     NOT NULL,
    revision      integer  NOT NULL,
    line          integer  NOT NULL,
    row           uuid     NOT NULL,        -- market.price_rows
    meter         smallint NOT NULL,
    quantity      bigint   NOT NULL CHECK (quantity >= 0),
    amount_micros bigint   NOT NULL CHECK (amount_micros >= 0),
    PRIMARY KEY (attempt, revision, line)
);

-- ---------------------------------------------------------------- centers' reports and periods

CREATE TABLE market.reports (
    center      uuid        NOT NULL,
    epoch       bigint      NOT NULL,
    seq         bigint      NOT NULL,
    hash        bytea       NOT NULL,       -- SHA-256 of the signed payload, in blob.blobs
    records     integer     NOT NULL,
    quarantined integer     NOT NULL,
    accepted_at timestamptz NOT NULL,
    journal_seq bigint      NOT NULL,
    PRIMARY KEY (center, epoch, seq)
);

CREATE TABLE market.quarantined_records (
    journal_seq bigint      NOT NULL,
    idx         integer     NOT NULL,
    center      uuid        NOT NULL,
    report_seq  bigint      NOT NULL,
    record      integer     NOT NULL,       -- its index in the report
    code        smallint    NOT NULL,       -- QuarantineCode in broker/domain/events.h
    job         uuid,
    attempt     uuid,
    report      bytea       NOT NULL,
    detail      text        NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (journal_seq, idx)
);
CREATE INDEX quarantined_records_by_center ON market.quarantined_records (center, journal_seq);

CREATE TABLE market.periods (
    id                  uuid        PRIMARY KEY,
    center              uuid        NOT NULL,
    unit                text        NOT NULL,
    number              integer     NOT NULL CHECK (number >= 1),
    state               smallint    NOT NULL,  -- 1 open 2 closing 3 closed 4 paid
    opened_at           timestamptz NOT NULL,
    cut_off             timestamptz,           -- exclusive
    captures            bigint      NOT NULL CHECK (captures >= 0),
    gross_micros        bigint      NOT NULL CHECK (gross_micros >= 0),
    center_share_micros bigint      NOT NULL CHECK (center_share_micros >= 0),
    margin_micros       bigint      NOT NULL CHECK (margin_micros >= 0),
    tax_micros          bigint      NOT NULL CHECK (tax_micros >= 0),
    statement           bytea,                 -- SHA-256, in blob.blobs
    payout_micros       bigint      NOT NULL CHECK (payout_micros >= 0),
    sealed_at           timestamptz,
    UNIQUE (center, unit, number),
    CHECK (gross_micros = center_share_micros + margin_micros + tax_micros)
) WITH (fillfactor = 60);

-- What a closing period has collected can't change any more, and a closed one not even its statement.
CREATE FUNCTION market.guard_period() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('bourse.rebuild', true) = 'on' OR OLD.state = 1 THEN
        RETURN coalesce(NEW, OLD);
    END IF;
    IF TG_OP = 'DELETE'
       OR (NEW.id, NEW.center, NEW.unit, NEW.number, NEW.opened_at, NEW.cut_off, NEW.captures, NEW.gross_micros,
           NEW.center_share_micros, NEW.margin_micros, NEW.tax_micros)
          IS DISTINCT FROM
          (OLD.id, OLD.center, OLD.unit, OLD.number, OLD.opened_at, OLD.cut_off, OLD.captures, OLD.gross_micros,
           OLD.center_share_micros, OLD.margin_micros, OLD.tax_micros)
       OR NEW.state < OLD.state
       OR (OLD.state >= 3 AND (NEW.statement, NEW.payout_micros, NEW.sealed_at)
                              IS DISTINCT FROM (OLD.statement, OLD.payout_micros, OLD.sealed_at)) THEN
        RAISE EXCEPTION 'period % of center % is closed', OLD.number, OLD.center USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard_period BEFORE UPDATE OR DELETE ON market.periods
    FOR EACH ROW EXECUTE FUNCTION market.guard_period();

-- Every idempotency key that was ever answered, with its answer.
CREATE TABLE market.commands (
    key         text        PRIMARY KEY,    -- scoped by the caller: "usr_…/key"
    fingerprint bigint      NOT NULL,       -- the 64 bits, as signed
    error       smallint    NOT NULL,       -- 0 = success
    detail      text        NOT NULL,
    object      uuid,
    at          timestamptz NOT NULL,
    journal_seq bigint      NOT NULL
);
CREATE INDEX commands_by_object ON market.commands (object) WHERE object IS NOT NULL;

GRANT USAGE ON SCHEMA market TO bourse_reader, bourse_writer;
GRANT SELECT ON ALL TABLES IN SCHEMA market TO bourse_reader;
GRANT SELECT ON market.commands TO bourse_writer;
