-- Records that wait for a price are an alarm, and looked for wherever centers are listed.
SET LOCAL ROLE bourse_projector;

CREATE INDEX quarantined_records_unpriced ON market.quarantined_records (center) WHERE code = 14;
