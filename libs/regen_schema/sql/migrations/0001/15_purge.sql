-- Deletes all rows of terminal jobs that ended before p_before (UTC, at least a day ago), after their export, and records each.
-- For the roles of retention and owner. p_jobs: [{"id", "sha256", "events"}]: the digest of the job's line in the export, and the
-- number of audit events in it, since the sweep can add one after the export.
-- Outcomes per entry: purged; already (purged before); refused (no such job, not terminal, too recent, other events).
CREATE FUNCTION public.regen_purge_v1(p_jobs jsonb, p_before timestamp) RETURNS TABLE (id text, outcome text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $regen$
#variable_conflict use_column
DECLARE
    v_ids text[];
BEGIN
    PERFORM public.regen_begin_v1();
    IF jsonb_typeof(p_jobs) IS DISTINCT FROM 'array' OR p_before IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'RG005', MESSAGE = 'regen_purge_v1: expected an array and a time';
    END IF;
    IF p_before > (now() AT TIME ZONE 'UTC') - interval '1 day' THEN
        RAISE EXCEPTION USING ERRCODE = 'RG005', MESSAGE = format(
            'regen_purge_v1: expected p_before to be a day ago or more, got %s', p_before);
    END IF;
    PERFORM 1 FROM public."RegenerationJob" j
    WHERE j.id = ANY (ARRAY(SELECT e ->> 'id' FROM jsonb_array_elements(p_jobs) e))
    ORDER BY j.id FOR UPDATE; -- one order for all callers

    WITH given AS (
        SELECT DISTINCT ON (g.id) g.id, g.sha256, g.events
        FROM jsonb_to_recordset(p_jobs) AS g (id text, sha256 text, events bigint) ORDER BY g.id
    ), recorded AS (
        INSERT INTO public."PurgedJob" ("jobId", type, status, "idempotencyKey", "completedAt", "outputRef", "exportSha256",
                                        "lastHash", "purgedBy", "purgedAt")
        SELECT j.id, j.type, j.status, j."idempotencyKey", j."completedAt", j."outputRef", g.sha256,
               (SELECT e.hash FROM public."AuditEvent" e WHERE e."jobId" = j.id ORDER BY e.id DESC LIMIT 1),
               session_user, now() AT TIME ZONE 'UTC'
        FROM given g JOIN public."RegenerationJob" j ON j.id = g.id
        WHERE j.status IN ('COMPLETED', 'FAILED') AND j."completedAt" < p_before
            AND g.events = (SELECT count(*) FROM public."AuditEvent" e WHERE e."jobId" = j.id)
        RETURNING "jobId"
    )
    SELECT coalesce(array_agg(r."jobId"), '{}') INTO v_ids FROM recorded r;

    PERFORM set_config('regen.purge', pg_current_xact_id()::text, true);
    DELETE FROM public."AuditEvent" e WHERE e."jobId" = ANY (v_ids);
    DELETE FROM public."PlanGeneration" g WHERE g."jobId" = ANY (v_ids);
    DELETE FROM public."RegenerationOutput" o WHERE o."jobId" = ANY (v_ids);
    DELETE FROM public."RegenerationRun" r WHERE r."jobId" = ANY (v_ids);
    DELETE FROM public."RegenerationJob" j WHERE j.id = ANY (v_ids);
    PERFORM set_config('regen.purge', '', true);

    RETURN QUERY
    SELECT g.value ->> 'id',
           CASE WHEN g.value ->> 'id' = ANY (v_ids) THEN 'purged'
                WHEN EXISTS (SELECT FROM public."PurgedJob" p WHERE p."jobId" = g.value ->> 'id') THEN 'already'
                ELSE 'refused' END
    FROM jsonb_array_elements(p_jobs) WITH ORDINALITY AS g (value, place) ORDER BY g.place;
END
$regen$;
