-- What a period has collected stays as it was booked. The projections are emptied by TRUNCATE before a rebuild, which no trigger
-- here hinders, so none needs an exception.

-- Of a period that no longer collects only its way to closed and paid goes on; of a closed one not even its statement.
CREATE OR REPLACE FUNCTION market.guard_period() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    open_ones text[] := CASE WHEN OLD.state >= 3 THEN '{state}' ELSE '{state,statement,payout_micros,sealed_at}' END;
BEGIN
    IF OLD.state = 1 THEN
        RETURN coalesce(NEW, OLD);
    END IF;
    IF TG_OP = 'DELETE' OR NEW.state < OLD.state OR to_jsonb(NEW) - open_ones IS DISTINCT FROM to_jsonb(OLD) - open_ones THEN
        RAISE EXCEPTION 'period % of center % is closed', OLD.number, OLD.center USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

-- Booked rows are never changed and never taken away.
CREATE FUNCTION market.keep_booked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'market.% is booked: no row of it changes', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER keep_booked BEFORE UPDATE OR DELETE ON market.transfers FOR EACH STATEMENT EXECUTE FUNCTION market.keep_booked();
CREATE TRIGGER keep_booked BEFORE UPDATE OR DELETE ON market.usage_captures FOR EACH STATEMENT EXECUTE FUNCTION market.keep_booked();
CREATE TRIGGER keep_booked BEFORE UPDATE OR DELETE ON market.rated_lines FOR EACH STATEMENT EXECUTE FUNCTION market.keep_booked();
CREATE TRIGGER keep_booked BEFORE UPDATE OR DELETE ON market.adjustments FOR EACH STATEMENT EXECUTE FUNCTION market.keep_booked();
CREATE TRIGGER keep_booked BEFORE UPDATE OR DELETE ON market.reservation_accruals FOR EACH STATEMENT EXECUTE FUNCTION market.keep_booked();

-- And none comes in behind the cursor: what is in a period comes from the journal, in its order.
CREATE FUNCTION market.only_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM fresh WHERE journal_seq <= (SELECT seq FROM market.projector_cursor)) THEN
        RAISE EXCEPTION 'market.%: that part of the journal is projected already', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER only_new AFTER INSERT ON market.usage_captures REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION market.only_new();
CREATE TRIGGER only_new AFTER INSERT ON market.adjustments REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION market.only_new();
CREATE TRIGGER only_new AFTER INSERT ON market.reservation_accruals REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION market.only_new();
