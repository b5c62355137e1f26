-- Who speaks for a center; who was a member of a billing account and when; money in that was taken back.
CREATE TABLE identity.center_admins (
    center   uuid        NOT NULL,
    user_id  uuid        NOT NULL REFERENCES identity.users (id),
    added_by uuid        NOT NULL,
    added_at timestamptz NOT NULL,
    PRIMARY KEY (center, user_id)
);
CREATE INDEX center_admins_by_user ON identity.center_admins (user_id);
GRANT SELECT, INSERT, DELETE ON identity.center_admins TO bourse_writer;
GRANT SELECT ON identity.center_admins TO bourse_reader;

SET LOCAL ROLE bourse_projector;

-- The newest row of an account and a user says whether he is a member.
ALTER TABLE market.account_members RENAME COLUMN added_at TO at;
ALTER TABLE market.account_members
    ADD COLUMN journal_seq bigint  NOT NULL DEFAULT 0,  -- 0 of rows from before removals
    ADD COLUMN idx         integer NOT NULL DEFAULT 0,
    ADD COLUMN removed     boolean NOT NULL DEFAULT false,
    DROP CONSTRAINT account_members_pkey,
    ADD PRIMARY KEY (account, "user", journal_seq, idx);

-- Who sets prices: 0 platform 1 center 2 either.
ALTER TABLE market.contracts
    ADD COLUMN sale_prices       smallint NOT NULL DEFAULT 0 CHECK (sale_prices BETWEEN 0 AND 2),
    ADD COLUMN settlement_prices smallint NOT NULL DEFAULT 0 CHECK (settlement_prices BETWEEN 0 AND 2);

CREATE TABLE market.money_in_reversals (
    what          uuid        PRIMARY KEY,  -- the top-up's transfer, or the lot
    kind          smallint    NOT NULL CHECK (kind BETWEEN 1 AND 4),  -- 1 top-up 2 grant 3 voucher 4 package
    account       uuid        NOT NULL,
    amount_micros bigint      NOT NULL CHECK (amount_micros > 0),
    unit          text        NOT NULL,
    money_micros  bigint      NOT NULL CHECK (money_micros >= 0),  -- of a package: back to the wallet
    reference     uuid        NOT NULL,
    reason        text        NOT NULL,
    at            timestamptz NOT NULL,
    journal_seq   bigint      NOT NULL
);
CREATE INDEX money_in_reversals_by_account ON market.money_in_reversals (account);
CREATE INDEX money_in_reversals_by_reference ON market.money_in_reversals (reference);

ALTER TABLE market.lot_moves
    DROP CONSTRAINT lot_moves_kind_check,
    ADD CONSTRAINT lot_moves_kind_check CHECK (kind IN (1, 2, 3, 4));  -- 4 reversed

CREATE INDEX transfers_top_ups ON market.transfers (journal_seq, idx) WHERE code = 1;
CREATE INDEX transfers_top_ups_by_id ON market.transfers (id) WHERE code = 1;
CREATE INDEX transfers_of_reversed ON market.transfers (reference) WHERE code IN (26, 27, 28);

GRANT SELECT ON ALL TABLES IN SCHEMA market TO bourse_reader;
