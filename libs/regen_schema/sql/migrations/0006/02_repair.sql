-- Adds up to p_limit missing events of committed transitions, from the rows' own stamps, each with detail.repaired = true.
-- With p_since (UTC) it looks only at jobs that run or ended since then: the sweep's cheap form; without, at every job.
-- A job whose row is locked just now is left for the next call.
-- REGEN_JOB_ADOPTED stands for what was before it and for nothing after it: for everything where the row had ended then, for
-- the claim where it ran, for nothing where it waited (the twin in Python is expected_events in invariants/trail.py).
CREATE OR REPLACE FUNCTION public.regen_audit_repair_v1(p_limit integer, p_since timestamp DEFAULT NULL)
RETURNS TABLE ("jobId" text, event text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET jit = off
AS $regen$
#variable_conflict use_column
DECLARE
    m record;
    v_ids text[];
BEGIN
    PERFORM public.regen_require_read_committed();
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
