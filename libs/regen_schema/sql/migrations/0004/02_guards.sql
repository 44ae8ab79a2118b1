-- Refuses what a table does not know: DELETE and TRUNCATE anywhere, UPDATE where rows are inserted and never touched. One
-- DELETE is let through: that of regen_purge_v1, which says so by this transaction's id, as the owner. Whoever could forge
-- that could as well drop this trigger. What was purged is never deleted.
CREATE OR REPLACE FUNCTION public.regen_guard_forbidden() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $regen$
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME <> 'PurgedJob'
        AND current_setting('regen.purge', true) = pg_current_xact_id_if_assigned()::text
        AND current_user = (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = TG_RELID)
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'RG004', TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA,
        MESSAGE = format('%s on "%s" is refused: its rows are kept as they are', TG_OP, TG_TABLE_NAME);
END
$regen$;

-- Refuses a job whose id or idempotency key a purged one had: what ran once does not run again because its rows are gone.
-- AFTER the insert, which waits for a purge of the same id that is under way.
CREATE FUNCTION public.regen_guard_purged() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
AS $regen$
DECLARE
    v_found record;
BEGIN
    SELECT p."jobId", p."purgedAt" INTO v_found
    FROM public."PurgedJob" p WHERE p."jobId" = NEW.id OR p."idempotencyKey" = NEW."idempotencyKey" LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'RG002', TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA,
            MESSAGE = format('regeneration job %s is refused: its id or its idempotency key is that of job %s, which was purged '
                             'at %s', NEW.id, v_found."jobId", to_char(v_found."purgedAt", 'YYYY-MM-DD"T"HH24:MI:SS"Z"'));
    END IF;
    RETURN NULL;
END
$regen$;

CREATE TRIGGER regen_guard_purged AFTER INSERT ON public."RegenerationJob"
    FOR EACH ROW EXECUTE FUNCTION public.regen_guard_purged();
ALTER TABLE public."RegenerationJob" ENABLE ALWAYS TRIGGER regen_guard_purged;
