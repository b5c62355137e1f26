-- Files that speak for or against a dispute; their bytes are in blob.blobs. What was given, like the claim itself and what became
-- of it, never changes.
SET LOCAL ROLE bourse_projector;

CREATE TABLE market.dispute_evidence (
    dispute     uuid        NOT NULL,
    side        smallint    NOT NULL,     -- 1 user 2 center 3 platform
    sha256      bytea       NOT NULL CHECK (octet_length(sha256) = 32),
    file        text        NOT NULL,
    media_type  text        NOT NULL,
    size        bigint      NOT NULL CHECK (size > 0),
    note        text        NOT NULL,
    "by"        uuid        NOT NULL,
    at          timestamptz NOT NULL,
    journal_seq bigint      NOT NULL,
    idx         integer     NOT NULL,
    PRIMARY KEY (dispute, side, sha256)
);
GRANT SELECT ON market.dispute_evidence TO bourse_reader;

CREATE TRIGGER keep_booked BEFORE UPDATE OR DELETE ON market.disputes FOR EACH STATEMENT EXECUTE FUNCTION market.keep_booked();
CREATE TRIGGER keep_booked BEFORE UPDATE OR DELETE ON market.dispute_resolutions FOR EACH STATEMENT EXECUTE FUNCTION market.keep_booked();
CREATE TRIGGER keep_booked BEFORE UPDATE OR DELETE ON market.dispute_evidence FOR EACH STATEMENT EXECUTE FUNCTION market.keep_booked();
CREATE TRIGGER only_new AFTER INSERT ON market.disputes REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION market.only_new();
CREATE TRIGGER only_new AFTER INSERT ON market.dispute_resolutions REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION market.only_new();
CREATE TRIGGER only_new AFTER INSERT ON market.dispute_evidence REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION market.only_new();
