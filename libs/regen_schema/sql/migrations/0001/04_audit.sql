-- The audit trail (R10): one event per transition and per fence; each job's events form a hash chain.
-- An event has the time of the row that it is about, so that a repaired event equals the missing one.
-- The first two functions have SQL-standard bodies: their names are resolved when they are created, so they need no search_path
-- and are inlined, which saves 40 µs per event.

-- The hash of an event: SHA-256, 64 hex digits, over a fixed serialization that regen_core/audit_chain.py recomputes: a version,
-- then each field as <bytes of UTF-8>:<text>, or - if null, each followed by a comma. The time is UTC in ISO 8601 with
-- milliseconds; the detail is PostgreSQL's text of the jsonb value.
CREATE FUNCTION public.regen_audit_hash_v1(
    p_prev text, p_event text, p_job_id text, p_status text, p_actor text, p_at text, p_detail text
) RETURNS text
LANGUAGE sql STABLE
RETURN encode(sha256(convert_to(
        'regen-audit-1,'
        || coalesce(octet_length(p_prev) || ':' || p_prev, '-') || ','
        || octet_length(p_event) || ':' || p_event || ','
        || octet_length(p_job_id) || ':' || p_job_id || ','
        || octet_length(p_status) || ':' || p_status || ','
        || octet_length(p_actor) || ':' || p_actor || ','
        || octet_length(p_at) || ':' || p_at || ','
        || octet_length(p_detail) || ':' || p_detail || ',', 'UTF8')), 'hex');

-- The detail of the event for a job's transition to p_status.
CREATE FUNCTION public.regen_audit_detail_v1(
    p_status public."RegenerationJobStatus", p_type text, p_priority integer, p_output_ref text, p_error jsonb
) RETURNS jsonb
LANGUAGE sql STABLE
RETURN CASE p_status
        WHEN 'RUNNING' THEN jsonb_build_object('type', p_type, 'priority', p_priority)
        WHEN 'COMPLETED' THEN jsonb_build_object('outputRef', p_output_ref)
        ELSE jsonb_build_object('classification', p_error -> 'classification', 'retryable', p_error -> 'retryable')
    END;

-- Appends one event to the chain of each job. The arrays belong together by position, and each job occurs once.
-- The caller holds the jobs' rows FOR NO KEY UPDATE, so that no chain can fork.
CREATE FUNCTION public.regen_audit_emit_v1(
    p_events text[], p_job_ids text[], p_statuses public."RegenerationJobStatus"[], p_at timestamp(3)[], p_details jsonb[]
) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $regen$
    WITH happened AS MATERIALIZED (
        SELECT h.event, h.job_id, h.status, h.at::timestamp(3) AS at, h.detail, (
            SELECT e.hash FROM public."AuditEvent" e WHERE e."jobId" = h.job_id ORDER BY e.id DESC LIMIT 1) AS prev
        FROM unnest(p_events, p_job_ids, p_statuses, p_at, p_details) AS h (event, job_id, status, at, detail)
    )
    INSERT INTO public."AuditEvent" (event, "jobId", status, actor, at, detail, "prevHash", hash)
    SELECT h.event, h.job_id, h.status, session_user, h.at, h.detail, h.prev,
           public.regen_audit_hash_v1(h.prev, h.event, h.job_id, h.status::text, session_user::text,
                                      to_char(h.at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), h.detail::text)
    FROM happened h
$regen$;

-- Emits the events of each statement that moved jobs. It never blocks or fails the transition: if the insert fails, or waits for the
-- audit table longer than lock_timeout, it raises a warning, and regen_audit_repair_v1 adds the events later. Without its own
-- lock_timeout it would wait for the caller's statement timeout, an error that undoes the transition.
CREATE FUNCTION public.regen_audit_transitions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '500ms'
AS $regen$
BEGIN
    PERFORM public.regen_audit_emit_v1(
        array_agg(CASE n.status WHEN 'RUNNING' THEN 'REGEN_JOB_LOCKED' ELSE 'REGEN_JOB_' || n.status END),
        array_agg(n.id::text), array_agg(n.status),
        array_agg(CASE n.status WHEN 'RUNNING' THEN n."lockedAt" ELSE n."completedAt" END),
        array_agg(public.regen_audit_detail_v1(n.status, n.type, n.priority, n."outputRef", n."errorJson")))
    FROM new_rows n JOIN old_rows o ON o.id = n.id
    WHERE n.status <> o.status
    HAVING count(*) > 0;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'regeneration audit: the events of a transition are missing until the sweep repairs them: %', SQLERRM;
    RETURN NULL;
END
$regen$;

-- Emits the events of new fences.
CREATE FUNCTION public.regen_audit_fences() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET lock_timeout = '500ms'
AS $regen$
BEGIN
    PERFORM 1 FROM public."RegenerationJob" j
    WHERE j.id IN (SELECT n."jobId" FROM new_rows n) ORDER BY j.id FOR NO KEY UPDATE;
    PERFORM public.regen_audit_emit_v1(
        array_agg('REGEN_JOB_STARTED'::text), array_agg(n."jobId"), array_agg('RUNNING'::public."RegenerationJobStatus"),
        array_agg(n."startedAt"), array_agg(jsonb_build_object('podUid', n."podUid", 'podName', n."podName")))
    FROM new_rows n
    HAVING count(*) > 0;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'regeneration audit: the event of a start is missing until the sweep repairs it: %', SQLERRM;
    RETURN NULL;
END
$regen$;

CREATE TRIGGER regen_audit_transitions AFTER UPDATE ON public."RegenerationJob"
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION public.regen_audit_transitions();
CREATE TRIGGER regen_audit_fences AFTER INSERT ON public."RegenerationRun"
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION public.regen_audit_fences();
