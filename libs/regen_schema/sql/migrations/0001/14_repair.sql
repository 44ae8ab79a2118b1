-- The events that the rows, fences and outputs require, one row each (R10). Rows that had ended before regen was installed have the
-- event REGEN_JOB_ADOPTED instead.
CREATE VIEW public."RegenerationLifecycle" AS
    SELECT j.id AS "jobId", 1 AS step, 'REGEN_JOB_LOCKED' AS event, 'RUNNING'::public."RegenerationJobStatus" AS status,
           j."lockedAt" AS at, public.regen_audit_detail_v1('RUNNING', j.type, j.priority, j."outputRef", j."errorJson") AS detail
    FROM public."RegenerationJob" j WHERE j.status <> 'PENDING'
    UNION ALL
    SELECT r."jobId", 2, 'REGEN_JOB_STARTED', 'RUNNING', r."startedAt",
           jsonb_build_object('podUid', r."podUid", 'podName', r."podName")
    FROM public."RegenerationRun" r
    UNION ALL
    SELECT j.id, 3, 'REGEN_JOB_' || j.status, j.status, j."completedAt",
           public.regen_audit_detail_v1(j.status, j.type, j.priority, j."outputRef", j."errorJson")
    FROM public."RegenerationJob" j WHERE j.status IN ('COMPLETED', 'FAILED');

-- The jobs that are RUNNING, or ended since p_since (UTC).
CREATE FUNCTION public.regen_recent_v1(p_since timestamp) RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $regen$
    SELECT ARRAY(
        SELECT j.id FROM public."RegenerationJob" j WHERE j.status = 'RUNNING'
        UNION ALL
        SELECT j.id FROM public."RegenerationJob" j WHERE j."completedAt" >= p_since)
$regen$;

-- Adds up to p_limit missing events of committed transitions, with the rows' own times and detail.repaired = true.
-- With p_since (UTC) it reads only jobs that are RUNNING or ended since then, which is what the sweep calls; without, every job.
-- A job whose row is locked is left for the next call.
-- REGEN_JOB_ADOPTED replaces the events before the adoption: all of them for an ended row, the claim for a RUNNING one, none for a
-- PENDING one (expected_events in regen_verify/trail.py is the same rule).
CREATE FUNCTION public.regen_audit_repair_v1(p_limit integer, p_since timestamp DEFAULT NULL)
RETURNS TABLE ("jobId" text, event text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $regen$
#variable_conflict use_column
DECLARE
    m record;
    v_ids text[];
BEGIN
    PERFORM public.regen_begin_v1();
    IF p_limit IS NULL OR p_limit < 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'RG005', MESSAGE = format(
            'regen_audit_repair_v1: expected p_limit of 1 or more, got %s', p_limit);
    END IF;
    IF p_since IS NOT NULL THEN
        v_ids := public.regen_recent_v1(p_since);
    END IF;
    FOR m IN
        SELECT l.* FROM public."RegenerationLifecycle" l
        WHERE p_since IS NULL AND NOT EXISTS (
            SELECT FROM public."AuditEvent" e
            WHERE e."jobId" = l."jobId" AND (e.event = l.event OR e.event = 'REGEN_JOB_ADOPTED' AND (
                e.status IN ('COMPLETED', 'FAILED') OR e.status = 'RUNNING' AND l.event = 'REGEN_JOB_LOCKED')))
        UNION ALL
        SELECT l.* FROM public."RegenerationLifecycle" l
        WHERE p_since IS NOT NULL AND l."jobId" = ANY (v_ids) AND NOT EXISTS (
            SELECT FROM public."AuditEvent" e
            WHERE e."jobId" = l."jobId" AND (e.event = l.event OR e.event = 'REGEN_JOB_ADOPTED' AND (
                e.status IN ('COMPLETED', 'FAILED') OR e.status = 'RUNNING' AND l.event = 'REGEN_JOB_LOCKED')))
        ORDER BY "jobId", step LIMIT p_limit
    LOOP
        PERFORM 1 FROM public."RegenerationJob" j WHERE j.id = m."jobId" FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        CONTINUE WHEN EXISTS (SELECT FROM public."AuditEvent" e WHERE e."jobId" = m."jobId" AND e.event = m.event);
        PERFORM public.regen_audit_emit_v1(
            ARRAY[m.event], ARRAY[m."jobId"], ARRAY[m.status], ARRAY[m.at], ARRAY[m.detail || '{"repaired": true}']);
        "jobId" := m."jobId";
        event := m.event;
        RETURN NEXT;
    END LOOP;
END
$regen$;
