-- The three functions of the pod (role: runner). Each locks the job's row first, so that two pods, or a pod and the operator, act
-- one after the other. Sequential scans are off: a plan cached while a table was small must serve when it is large.

-- Takes the fence of a RUNNING job. Outcomes: started (with the instruction; also for a repeat with the nonce that holds it),
-- fenced (another pod or process holds it), terminal, not_running (PENDING), unknown (no such job).
CREATE FUNCTION public.regen_start_v1(p_job_id text, p_pod_uid text, p_pod_name text, p_nonce text)
RETURNS TABLE (outcome text, "instructionJson" jsonb)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $regen$
#variable_conflict use_column
DECLARE
    v_job record;
    v_fence record;
BEGIN
    PERFORM public.regen_begin_v1();
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

-- A path with every byte but those of letters, digits and _.-~/ percent-encoded, as urllib.parse.quote writes URLs.
CREATE FUNCTION public.regen_quote_v1(p_path text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $regen$
    SELECT CASE WHEN p_path ~ '^[A-Za-z0-9_.~/-]*$' THEN p_path ELSE (
        SELECT string_agg(
            CASE WHEN c.text ~ '^[A-Za-z0-9_.~/-]$' THEN c.text
                 ELSE regexp_replace(upper(encode(convert_to(c.text, 'UTF8'), 'hex')), '(..)', '%\1', 'g') END,
            '' ORDER BY c.place)
        FROM regexp_split_to_table(p_path, '') WITH ORDINALITY AS c (text, place)) END
$regen$;

-- What is wrong with the outputs of a job; NULL if nothing is. The manifest and every object must be in the job's own folder,
-- <type>/<jobId>/, of one store, with valid names and media types.
CREATE FUNCTION public.regen_outputs_fault_v1(p_type text, p_job_id text, p_output_ref text, p_outputs jsonb) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $regen$
    SELECT CASE
        WHEN p_output_ref !~ '^(s3://[^/?#]+|file://)/' OR p_output_ref ~ '[[:cntrl:]?#\\]|/[.][.]?/'
            OR right(p_output_ref, length(f.suffix)) <> f.suffix
        THEN format('outputRef: expected an s3:// or file:// URL that ends in %s', f.suffix)
        ELSE (
            SELECT CASE
                WHEN o.name IS NULL OR o.name !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$'
                    OR o.name IN ('manifest.json', 'provenance.intoto.jsonl', 'executor.log')
                THEN format('output name: expected 1 to 128 letters, digits, dots, dashes and underscores, got %s', left(o.name, 200))
                WHEN o.ref IS DISTINCT FROM left(p_output_ref, -length('manifest.json')) || o.name
                THEN format('output %s: expected its object beside the manifest', o.name)
                ELSE format('output %s: expected a media type such as text/csv', o.name)
            END
            FROM jsonb_to_recordset(p_outputs) AS o (name text, ref text, "mediaType" text)
            WHERE o.name IS NULL OR o.name !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$'
                OR o.name IN ('manifest.json', 'provenance.intoto.jsonl', 'executor.log')
                OR o.ref IS DISTINCT FROM left(p_output_ref, -length('manifest.json')) || o.name
                OR o."mediaType" IS NULL OR length(o."mediaType") > 255 OR o."mediaType" !~ '^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}(; ?[a-z0-9-]{1,64}=[A-Za-z0-9._+-]{1,64})*$'
            LIMIT 1)
    END
    FROM (SELECT '/' || public.regen_quote_v1(p_type || '/' || p_job_id || '/manifest.json') AS suffix) f
$regen$;

-- RUNNING -> COMPLETED with every output row, for the holder of the fence (R5, R12).
-- p_outputs: [{"name", "ref", "sha256", "sizeBytes", "mediaType"}], one or more.
-- Outcomes: completed; already (COMPLETED before with this nonce, reference and outputs); refused (anything else).
CREATE FUNCTION public.regen_complete_v1(p_job_id text, p_nonce text, p_output_ref text, p_outputs jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $regen$
DECLARE
    v_now CONSTANT timestamp(3) := now() AT TIME ZONE 'UTC';
    v_job record;
    v_fault text;
BEGIN
    PERFORM public.regen_begin_v1();
    IF coalesce(p_output_ref, '') = '' OR jsonb_typeof(p_outputs) IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION USING ERRCODE = 'RG005', MESSAGE =
            'regen_complete_v1: expected an output reference and an array of outputs';
    END IF;
    SELECT j.status, j.type, j."outputRef" INTO v_job
    FROM public."RegenerationJob" j WHERE j.id = p_job_id FOR NO KEY UPDATE;
    IF NOT FOUND OR jsonb_array_length(p_outputs) = 0 OR NOT EXISTS (
        SELECT FROM public."RegenerationRun" r WHERE r."jobId" = p_job_id AND r.nonce = p_nonce)
    THEN
        RETURN 'refused';
    END IF;
    IF v_job.status = 'RUNNING' THEN
        v_fault := public.regen_outputs_fault_v1(v_job.type, p_job_id, p_output_ref, p_outputs);
        IF v_fault IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'RG005', MESSAGE = 'regen_complete_v1: ' || v_fault;
        END IF;
        INSERT INTO public."RegenerationOutput" ("jobId", name, ref, sha256, "sizeBytes", "mediaType", "createdAt")
        SELECT p_job_id, o.name, o.ref, o.sha256, o."sizeBytes", o."mediaType", v_now
        FROM jsonb_to_recordset(p_outputs) AS o (name text, ref text, sha256 text, "sizeBytes" bigint, "mediaType" text);
        UPDATE public."RegenerationJob" j
        SET status = 'COMPLETED', "completedAt" = v_now, "outputRef" = p_output_ref
        WHERE j.id = p_job_id AND j.status = 'RUNNING';
        RETURN 'completed';
    END IF;
    IF v_job.status = 'COMPLETED' AND v_job."outputRef" = p_output_ref AND NOT EXISTS (
        -- the symmetric difference of stored and reported outputs
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

-- RUNNING -> FAILED, reported by the pod that holds the fence. Outcomes: failed; already (with this nonce and error); refused.
CREATE FUNCTION public.regen_fail_run_v1(p_job_id text, p_nonce text, p_error jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $regen$
DECLARE
    v_job record;
BEGIN
    PERFORM public.regen_begin_v1();
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
