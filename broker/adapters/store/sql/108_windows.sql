-- What a capture had of price rows with weekly windows.
SET LOCAL ROLE bourse_projector;

-- broker::CapturedWindows in the journal's encoding; NULL where no row had windows.
ALTER TABLE market.usage_captures ADD COLUMN windowed bytea;
