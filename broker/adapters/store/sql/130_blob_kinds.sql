-- Blobs of different kinds may have one hash: a report is named by its payload, and somebody may have those very bytes stored as a
-- script. Each kind has names of its own, so neither stands in the other's place.
ALTER TABLE blob.blobs DROP CONSTRAINT blobs_pkey, ADD PRIMARY KEY (hash, kind);
