-- Bytes by their SHA-256 (a signed report by that of its payload): scripts, reports, orders, statements. Written once,
-- before the journal names their hash.
CREATE SCHEMA blob;

CREATE TABLE blob.blobs (
    hash  bytea    PRIMARY KEY CHECK (octet_length(hash) = 32),
    kind  smallint NOT NULL CHECK (kind BETWEEN 1 AND 255),  -- 1 script, 2 report, 3 order, 4 statement
    bytes bytea    NOT NULL
);

GRANT USAGE ON SCHEMA blob TO bourse_writer, bourse_reader;
GRANT SELECT, INSERT ON blob.blobs TO bourse_writer;
GRANT SELECT ON blob.blobs TO bourse_reader;
