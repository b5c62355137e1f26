-- A usage record's id leads to its job (`bourse trace usg_…`).
SET LOCAL ROLE bourse_projector;
CREATE INDEX usage_captures_by_record ON market.usage_captures (record);
