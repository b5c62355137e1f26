-- What was signed with each center, as a Merkle tree that only grows (docs/adr/0010), and the signed checkpoints of it.
-- Rows are added and never changed; acknowledgements' bytes lie in blob.blobs as kind 5.
CREATE SCHEMA evidence;

CREATE TABLE evidence.leaves (
    center  uuid        NOT NULL,
    idx     bigint      NOT NULL CHECK (idx >= 0),
    kind    smallint    NOT NULL CHECK (kind BETWEEN 1 AND 3),  -- 1 report, 2 order, 3 acknowledgement
    name    bytea       NOT NULL CHECK (octet_length(name) = 32),     -- SHA-256 of the payload
    subject bytea       NOT NULL CHECK (octet_length(subject) = 32),  -- of an acknowledgement: its report; else name
    at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (center, idx),
    UNIQUE (center, kind, subject)
);
CREATE INDEX leaves_by_name ON evidence.leaves (name);

-- The perfect subtree over the leaves [idx << level, (idx + 1) << level); level 0 is the leaf's own hash.
CREATE TABLE evidence.nodes (
    center uuid     NOT NULL,
    level  smallint NOT NULL CHECK (level BETWEEN 0 AND 62),
    idx    bigint   NOT NULL CHECK (idx >= 0),
    hash   bytea    NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (center, level, idx)
);

CREATE TABLE evidence.checkpoints (
    id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    center   uuid        NOT NULL,
    size     bigint      NOT NULL CHECK (size >= 0),
    root     bytea       NOT NULL CHECK (octet_length(root) = 32),
    at       timestamptz NOT NULL,
    period   uuid        UNIQUE,  -- whose closing it was made for; NULL = a daily one
    envelope bytea       NOT NULL -- federation.v1.Envelope of the signed Checkpoint
);
CREATE INDEX checkpoints_of_center ON evidence.checkpoints (center, id DESC);

GRANT USAGE ON SCHEMA evidence TO bourse_writer, bourse_reader;
GRANT SELECT, INSERT ON evidence.leaves, evidence.nodes, evidence.checkpoints TO bourse_writer;
GRANT SELECT ON evidence.leaves, evidence.nodes, evidence.checkpoints TO bourse_reader;
