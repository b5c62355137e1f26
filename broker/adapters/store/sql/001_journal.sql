-- The journal: the truth. One row a batch, each with the hash of the one before; nobody updates or deletes.
CREATE SCHEMA journal;

CREATE TABLE journal.rows (
    seq      bigint PRIMARY KEY CHECK (seq >= 1),
    epoch    bigint NOT NULL CHECK (epoch >= 1),
    at_ms    bigint NOT NULL,
    previous bytea  NOT NULL CHECK (octet_length(previous) = 32),
    hash     bytea  NOT NULL CHECK (octet_length(hash) = 32),
    body     bytea  NOT NULL
);
-- Uncompressed and out of line: no time goes into compressing what is packed already, and its size is known unread.
ALTER TABLE journal.rows ALTER COLUMN body SET STORAGE EXTERNAL;

-- The fence: only the writer that holds this epoch can append.
CREATE TABLE journal.writer (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    epoch  bigint NOT NULL
);
INSERT INTO journal.writer (epoch) VALUES (0);

-- Snapshots are derived: they may be lost. Parts of at most 8 MiB; complete when `parts` of them are there.
CREATE TABLE journal.snapshots (
    seq    bigint PRIMARY KEY,
    hash   bytea  NOT NULL CHECK (octet_length(hash) = 32),
    parts  integer NOT NULL CHECK (parts >= 0),
    sha256 bytea  NOT NULL CHECK (octet_length(sha256) = 32)
);
CREATE TABLE journal.snapshot_parts (
    seq  bigint  NOT NULL REFERENCES journal.snapshots (seq) ON DELETE CASCADE,
    part integer NOT NULL,
    body bytea   NOT NULL CHECK (octet_length(body) <= 8388608),
    PRIMARY KEY (seq, part)
);
ALTER TABLE journal.snapshot_parts ALTER COLUMN body SET STORAGE EXTERNAL;

GRANT USAGE ON SCHEMA journal TO bourse_writer, bourse_projector, bourse_reader;
GRANT SELECT, INSERT ON journal.rows TO bourse_writer;
GRANT SELECT, UPDATE (epoch) ON journal.writer TO bourse_writer;
GRANT SELECT, INSERT, DELETE ON journal.snapshots, journal.snapshot_parts TO bourse_writer;
GRANT SELECT ON journal.rows TO bourse_projector, bourse_reader;
GRANT SELECT ON journal.writer TO bourse_reader;
