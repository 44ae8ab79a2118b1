-- Wakes listeners (channel regeneration_job) after an insert, a transition and a fence. The payload is a constant word, a
-- hint at most; the rows are the truth.
-- NOTIFY takes a database-wide lock at commit and would end group commit: of the transactions that commit together, the
-- one that gets the try-lock speaks for all. A listener therefore looks again shortly after a hit, and polls.
CREATE FUNCTION public.regen_notify() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $regen$
BEGIN
    -- A statement that met no row changed nothing. 1919248238 is "regn"; 1 is the claim's lock, 2 the migration's.
    IF EXISTS (SELECT FROM new_rows) AND pg_try_advisory_xact_lock(1919248238, TG_ARGV[1]::integer) THEN
        PERFORM pg_notify('regeneration_job', TG_ARGV[0]);
    END IF;
    RETURN NULL;
END
$regen$;

CREATE TRIGGER regen_notify_insert AFTER INSERT ON public."RegenerationJob"
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.regen_notify('insert', '11');
CREATE TRIGGER regen_notify_transition AFTER UPDATE ON public."RegenerationJob"
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.regen_notify('transition', '12');
CREATE TRIGGER regen_notify_fence AFTER INSERT ON public."RegenerationRun"
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.regen_notify('fence', '13');
