-- Wakes listeners on channel regeneration_job after an insert, a transition and a fence. The payload is a constant word, a hint
-- at most; the rows are the truth.
-- NOTIFY takes a database-wide lock at commit and would end group commit: of the transactions that commit together, the one that
-- gets the lock row notifies for all. A listener therefore reads again shortly after a notification, and polls.
CREATE FUNCTION public.regen_notify() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $regen$
BEGIN
    IF NOT EXISTS (SELECT FROM new_rows) THEN
        RETURN NULL; -- the statement changed no row
    END IF;
    PERFORM 1 FROM public."RegenerationLock" l WHERE l.name = TG_ARGV[0] FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
        PERFORM pg_notify('regeneration_job', TG_ARGV[0]);
    END IF;
    RETURN NULL;
END
$regen$;

CREATE TRIGGER regen_notify_insert AFTER INSERT ON public."RegenerationJob"
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.regen_notify('insert');
CREATE TRIGGER regen_notify_transition AFTER UPDATE ON public."RegenerationJob"
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.regen_notify('transition');
CREATE TRIGGER regen_notify_fence AFTER INSERT ON public."RegenerationRun"
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.regen_notify('fence');
