-- After the capture: acts that wait for a second person, payouts, corrections, disputes. Rows are only ever added; what
-- became of a proposal, a payout or a dispute is a row of its own.
SET LOCAL ROLE bourse_projector;

ALTER TABLE market.periods
    ADD COLUMN opening_micros      bigint NOT NULL DEFAULT 0,  -- owed to the center when it was opened
    ADD COLUMN adjustments         bigint NOT NULL DEFAULT 0,
    ADD COLUMN adj_user_micros     bigint NOT NULL DEFAULT 0,  -- Σ of its adjustments' parts, signed
    ADD COLUMN adj_center_micros   bigint NOT NULL DEFAULT 0,
    ADD COLUMN adj_margin_micros   bigint NOT NULL DEFAULT 0,
    ADD COLUMN adj_tax_micros      bigint NOT NULL DEFAULT 0,
    ADD COLUMN adj_escrow_micros   bigint NOT NULL DEFAULT 0,
    ADD COLUMN paid_out_micros     bigint NOT NULL DEFAULT 0,  -- payouts ordered in it, less those that came back in it
    ADD CHECK (adj_user_micros + adj_center_micros + adj_margin_micros + adj_tax_micros + adj_escrow_micros = 0);

-- A margin may be below zero where the contract says so.
ALTER TABLE market.usage_captures DROP CONSTRAINT usage_captures_margin_micros_check;
ALTER TABLE market.usage_captures ADD COLUMN adjusts uuid;     -- the closed period in which the usage ended, when another

-- What a closing period has collected can't change any more, and a closed one not even its statement.
CREATE OR REPLACE FUNCTION market.guard_period() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('bourse.rebuild', true) = 'on' OR OLD.state = 1 THEN
        RETURN coalesce(NEW, OLD);
    END IF;
    IF TG_OP = 'DELETE'
       OR (NEW.id, NEW.center, NEW.unit, NEW.number, NEW.opened_at, NEW.cut_off, NEW.captures, NEW.gross_micros,
           NEW.center_share_micros, NEW.margin_micros, NEW.tax_micros, NEW.opening_micros, NEW.adjustments,
           NEW.adj_user_micros, NEW.adj_center_micros, NEW.adj_margin_micros, NEW.adj_tax_micros, NEW.adj_escrow_micros,
           NEW.paid_out_micros)
          IS DISTINCT FROM
          (OLD.id, OLD.center, OLD.unit, OLD.number, OLD.opened_at, OLD.cut_off, OLD.captures, OLD.gross_micros,
           OLD.center_share_micros, OLD.margin_micros, OLD.tax_micros, OLD.opening_micros, OLD.adjustments,
           OLD.adj_user_micros, OLD.adj_center_micros, OLD.adj_margin_micros, OLD.adj_tax_micros, OLD.adj_escrow_micros,
           OLD.paid_out_micros)
       OR NEW.state < OLD.state
       OR (OLD.state >= 3 AND (NEW.statement, NEW.payout_micros, NEW.sealed_at)
                              IS DISTINCT FROM (OLD.statement, OLD.payout_micros, OLD.sealed_at)) THEN
        RAISE EXCEPTION 'period % of center % is closed', OLD.number, OLD.center USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TABLE market.proposals (
    id          uuid        PRIMARY KEY,
    "by"        uuid        NOT NULL,
    act         text        NOT NULL,       -- fund_account, set_contract, …
    body        bytea       NOT NULL,       -- the whole act, in the journal's codec
    note        text        NOT NULL,
    at          timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    journal_seq bigint      NOT NULL
);
CREATE TABLE market.proposal_ends (
    proposal    uuid        PRIMARY KEY,
    "end"       smallint    NOT NULL,       -- 1 approved 2 rejected 3 withdrawn 4 expired
    "by"        uuid,
    reason      text        NOT NULL,
    at          timestamptz NOT NULL,
    journal_seq bigint      NOT NULL
);

CREATE TABLE market.account_policies (      -- the newest row holds
    account     uuid        NOT NULL,
    journal_seq bigint      NOT NULL,
    idx         integer     NOT NULL,
    frozen      boolean     NOT NULL,
    reason      text        NOT NULL,
    zone        text        NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (account, journal_seq, idx)
);
CREATE TABLE market.member_limits (         -- the newest row holds; NULL = no limit of that kind
    account          uuid        NOT NULL,
    "user"           uuid        NOT NULL,
    journal_seq      bigint      NOT NULL,
    idx              integer     NOT NULL,
    total_micros     bigint,
    per_day_micros   bigint,
    per_month_micros bigint,
    per_job_micros   bigint,
    at               timestamptz NOT NULL,
    PRIMARY KEY (account, "user", journal_seq, idx)
);

CREATE TABLE market.payees (
    center      uuid        NOT NULL,
    journal_seq bigint      NOT NULL,
    idx         integer     NOT NULL,
    name        text        NOT NULL,
    account     text        NOT NULL,
    agent       text        NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (center, journal_seq, idx)
);

CREATE TABLE market.payouts (
    id            uuid        PRIMARY KEY,
    center        uuid        NOT NULL,
    unit          text        NOT NULL,
    amount_micros bigint      NOT NULL CHECK (amount_micros > 0),
    payee_name    text        NOT NULL,
    payee_account text        NOT NULL,
    payee_agent   text        NOT NULL,
    period        uuid        NOT NULL,     -- in which it is booked
    ordered_at    timestamptz NOT NULL,
    journal_seq   bigint      NOT NULL,
    idx           integer     NOT NULL
);
CREATE INDEX payouts_by_period ON market.payouts (period);
CREATE TABLE market.payout_periods (        -- which periods it pays
    payout uuid NOT NULL,
    period uuid NOT NULL,
    PRIMARY KEY (payout, period)
);
CREATE INDEX payout_periods_by_period ON market.payout_periods (period);
CREATE TABLE market.payout_settlements (
    payout         uuid        PRIMARY KEY,
    state          smallint    NOT NULL,    -- 2 paid 3 returned
    period         uuid        NOT NULL,    -- in which a return is booked
    amount_micros  bigint      NOT NULL CHECK (amount_micros > 0),
    bank_reference text        NOT NULL,
    reason         text        NOT NULL,
    at             timestamptz NOT NULL,
    journal_seq    bigint      NOT NULL,
    idx            integer     NOT NULL
);
CREATE INDEX payout_settlements_by_period ON market.payout_settlements (period);

CREATE TABLE market.adjustments (
    id            uuid        PRIMARY KEY,
    kind          smallint    NOT NULL,     -- 1 refund 2 dispute_opened 3 dispute_resolved
    dispute       uuid,
    job           uuid        NOT NULL,
    attempt       uuid        NOT NULL,
    account       uuid        NOT NULL,
    center        uuid        NOT NULL,
    period        uuid        NOT NULL,     -- in which it is booked
    adjusts       uuid        NOT NULL,     -- the newest period of the charge it corrects
    charge_gross_micros  bigint NOT NULL CHECK (charge_gross_micros > 0),  -- the whole charge and its parts
    charge_center_micros bigint NOT NULL,
    charge_margin_micros bigint NOT NULL,
    charge_tax_micros    bigint NOT NULL,
    base_micros   bigint      NOT NULL,     -- of it neither given back nor disputed before
    amount_micros bigint      NOT NULL CHECK (amount_micros > 0 AND amount_micros <= base_micros),
    user_micros   bigint      NOT NULL,     -- signed parts; their sum is zero
    center_micros bigint      NOT NULL,
    margin_micros bigint      NOT NULL,
    tax_micros    bigint      NOT NULL,
    escrow_micros bigint      NOT NULL,
    reason        text        NOT NULL,
    at            timestamptz NOT NULL,
    journal_seq   bigint      NOT NULL,
    idx           integer     NOT NULL,
    CHECK (user_micros + center_micros + margin_micros + tax_micros + escrow_micros = 0)
);
CREATE INDEX adjustments_by_period ON market.adjustments (period, journal_seq, idx);
CREATE INDEX adjustments_by_job ON market.adjustments (job);
CREATE INDEX adjustments_by_account ON market.adjustments (account, id);

CREATE TABLE market.disputes (
    id            uuid        PRIMARY KEY,
    job           uuid        NOT NULL,
    attempt       uuid        NOT NULL,
    account       uuid        NOT NULL,
    center        uuid        NOT NULL,
    unit          text        NOT NULL,
    amount_micros bigint      NOT NULL CHECK (amount_micros > 0),
    escrow_micros bigint      NOT NULL CHECK (escrow_micros >= 0),
    by_center     boolean     NOT NULL,
    opened_by     uuid,
    reason        text        NOT NULL,
    opened_at     timestamptz NOT NULL,
    journal_seq   bigint      NOT NULL
);
CREATE INDEX disputes_by_center ON market.disputes (center, id);
CREATE INDEX disputes_by_account ON market.disputes (account, id);
CREATE TABLE market.dispute_resolutions (
    dispute        uuid        PRIMARY KEY,
    state          smallint    NOT NULL,    -- 2 accepted 3 split 4 rejected
    to_user_micros bigint      NOT NULL CHECK (to_user_micros >= 0),
    resolution     text        NOT NULL,
    at             timestamptz NOT NULL,
    journal_seq    bigint      NOT NULL
);

GRANT SELECT ON ALL TABLES IN SCHEMA market TO bourse_reader;
