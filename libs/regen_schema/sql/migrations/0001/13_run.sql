-- What the pod may do, and the only three things (role: runner). No sequential scans: a plan made while a table was small
-- must do when it is not. Each locks the job's row first, so that two pods, or a
-- pod and the operator, act one after the other.

-- Takes the fence of a RUNNING job. Outcomes: started (with the instruction; again for the very nonce that holds it),
-- fenced (someone else holds it), terminal, not_running (PENDING), unknown (no such job).
CREATE FUNCTION public.regen_start_v1(p_job_id text, p_pod_uid text, p_pod_name text, p_nonce text)
RETURNS TABLE (outcome text, "instructionJson" jsonb)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
AS $regen$
#variable_conflict use_column
DECLARE
    v_job record;
    v_fence record;
BEGIN
    PERFORM public.regen_require_read_committed();
    IF coalesce(p_pod_uid, '') = '' OR coalesce(p_pod_name, '') = '' OR coalesce(p_nonce, '') = '' THEN
        RAISE EXCEPTION USING ERRCODE = 'RG005', MESSAGE = 'regen_start_v1: expected a pod uid, a pod name and a nonce';
    END IF;
    SELECT j.status, j."instructionJson" INTO v_job
    FROM public."RegenerationJob" j WHERE j.id = p_job_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'unknown', NULL::jsonb;
    ELSIF v_job.status = 'PENDING' THEN
        RETURN QUERY SELECT 'not_running', NULL::jsonb;
    ELSIF v_job.status <> 'RUNNING' THEN
        RETURN QUERY SELECT 'terminal', NULL::jsonb;
    ELSE
        SELECT r."podUid", r.nonce INTO v_fence FROM public."RegenerationRun" r WHERE r."jobId" = p_job_id;
        IF NOT FOUND THEN
            INSERT INTO public."RegenerationRun" ("jobId", "podUid", "podName", nonce, "startedAt")
            VALUES (p_job_id, p_pod_uid, p_pod_name, p_nonce, now() AT TIME ZONE 'UTC');
        ELSIF v_fence.nonce <> p_nonce OR v_fence."podUid" <> p_pod_uid THEN
            RETURN QUERY SELECT 'fenced', NULL::jsonb;
            RETURN;
        END IF;
        RETURN QUERY SELECT 'started', v_job."instructionJson";
    END IF;
END
$regen$;

-- RUNNING -> COMPLETED with every output row, for whoever holds the fence (rules R5, R12).
-- p_outputs: [{"name", "ref", "sha256", "sizeBytes", "mediaType"}], one or more.
-- Outcomes: completed; already (COMPLETED before with this nonce, reference and outputs); refused (anything else).
CREATE FUNCTION public.regen_complete_v1(p_job_id text, p_nonce text, p_output_ref text, p_outputs jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
AS $regen$
DECLARE
    v_now CONSTANT timestamp(3) := now() AT TIME ZONE 'UTC';
    v_job record;
BEGIN
    PERFORM public.regen_require_read_committed();
    IF coalesce(p_output_ref, '') = '' OR jsonb_typeof(p_outputs) IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION USING ERRCODE = 'RG005', MESSAGE =
            'regen_complete_v1: expected an output reference and an array of outputs';
    END IF;
    SELECT j.status, j."outputRef" INTO v_job
    FROM public."RegenerationJob" j WHERE j.id = p_job_id FOR NO KEY UPDATE;
    IF NOT FOUND OR jsonb_array_length(p_outputs) = 0 OR NOT EXISTS (
        SELECT FROM public."RegenerationRun" r WHERE r."jobId" = p_job_id AND r.nonce = p_nonce)
    THEN
        RETURN 'refused';
    END IF;
    IF v_job.status = 'RUNNING' THEN
        INSERT INTO public."RegenerationOutput" ("jobId", name, ref, sha256, "sizeBytes", "mediaType", "createdAt")
        SELECT p_job_id, o.name, o.ref, o.sha256, o."sizeBytes", o."mediaType", v_now
        FROM jsonb_to_recordset(p_outputs) AS o (name text, ref text, sha256 text, "sizeBytes" bigint, "mediaType" text);
        UPDATE public."RegenerationJob" j
        SET status = 'COMPLETED', "completedAt" = v_now, "outputRef" = p_output_ref
        WHERE j.id = p_job_id AND j.status = 'RUNNING';
        RETURN 'completed';
    END IF;
    IF v_job.status = 'COMPLETED' AND v_job."outputRef" = p_output_ref AND NOT EXISTS (
        -- the symmetric difference of what is there and what is reported
        (SELECT o.name, o.ref, o.sha256, o."sizeBytes", o."mediaType", count(*)
         FROM (
            SELECT name, ref, sha256, "sizeBytes", "mediaType" FROM public."RegenerationOutput" WHERE "jobId" = p_job_id
            UNION ALL
            SELECT * FROM jsonb_to_recordset(p_outputs)
                AS r (name text, ref text, sha256 text, "sizeBytes" bigint, "mediaType" text)
         ) o
         GROUP BY o.name, o.ref, o.sha256, o."sizeBytes", o."mediaType" HAVING count(*) <> 2))
    THEN
        RETURN 'already';
    END IF;
    RETURN 'refused';
END
$regen$;

-- RUNNING -> FAILED, said by the pod that holds the fence. Outcomes: failed; already (with this nonce and error); refused.
CREATE FUNCTION public.regen_fail_run_v1(p_job_id text, p_nonce text, p_error jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
AS $regen$
DECLARE
    v_job record;
BEGIN
    PERFORM public.regen_require_read_committed();
    PERFORM public.regen_require_error(p_error);
    SELECT j.status, j."errorJson" INTO v_job
    FROM public."RegenerationJob" j WHERE j.id = p_job_id FOR NO KEY UPDATE;
    IF NOT FOUND OR NOT EXISTS (
        SELECT FROM public."RegenerationRun" r WHERE r."jobId" = p_job_id AND r.nonce = p_nonce)
    THEN
        RETURN 'refused';
    END IF;
    IF v_job.status = 'RUNNING' THEN
        UPDATE public."RegenerationJob" j
        SET status = 'FAILED', "completedAt" = now() AT TIME ZONE 'UTC', "errorJson" = p_error
        WHERE j.id = p_job_id AND j.status = 'RUNNING';
        RETURN 'failed';
    END IF;
    IF v_job.status = 'FAILED' AND v_job."errorJson" = p_error THEN
        RETURN 'already';
    END IF;
    RETURN 'refused';
END
$regen$;
