-- Refuses a malformed errorJson.
CREATE FUNCTION public.regen_require_error(p_error jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $regen$
DECLARE
    v_fault text;
BEGIN
    v_fault := CASE
        WHEN jsonb_typeof(p_error) IS DISTINCT FROM 'object' THEN 'expected a JSON object'
        WHEN p_error ->> 'classification' IS NULL OR p_error ->> 'classification' NOT IN (
            'validation', 'capped', 'executor', 'timeout', 'resources', 'output', 'lost', 'cancelled', 'internal')
            THEN format('classification: expected a known one, got %s', p_error -> 'classification')
        WHEN jsonb_typeof(p_error -> 'retryable') IS DISTINCT FROM 'boolean' THEN 'retryable: expected true or false'
        WHEN jsonb_typeof(p_error -> 'message') IS DISTINCT FROM 'string' THEN 'message: expected a string'
        WHEN coalesce(jsonb_typeof(p_error -> 'detail'), 'object') <> 'object' THEN 'detail: expected a JSON object'
        WHEN octet_length(p_error::text) > 16384 THEN 'expected at most 16 KiB'
    END;
    IF v_fault IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'RG005', MESSAGE = 'errorJson: ' || v_fault;
    END IF;
END
$regen$;

-- RUNNING -> FAILED, by the operator, for each of p_failures: {"id", "error", "condition", "podUid"?}. The condition
-- ("any", "no_fence", "fence_held_by" that pod) is checked under the row's lock, which a start needs too.
-- Outcomes per entry: failed; already (FAILED before with this error); refused (not RUNNING, or the condition does not hold).
CREATE FUNCTION public.regen_fail_v1(p_failures jsonb) RETURNS TABLE (id text, outcome text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $regen$
#variable_conflict use_column
DECLARE
    v_failure record;
    v_errors jsonb;
    v_failed text[];
BEGIN
    PERFORM public.regen_begin_v1();
    IF jsonb_typeof(p_failures) IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION USING ERRCODE = 'RG005', MESSAGE = 'regen_fail_v1: expected p_failures to be an array';
    END IF;
    FOR v_failure IN SELECT f.* FROM jsonb_to_recordset(p_failures) AS f (id text, error jsonb, condition text, "podUid" text) LOOP
        PERFORM public.regen_require_error(v_failure.error);
        IF v_failure.id IS NULL OR v_failure.condition IS NULL
            OR v_failure.condition NOT IN ('any', 'no_fence', 'fence_held_by')
            OR (v_failure.condition = 'fence_held_by') <> (v_failure."podUid" IS NOT NULL)
        THEN
            RAISE EXCEPTION USING ERRCODE = 'RG005', MESSAGE =
                'regen_fail_v1: expected an id, a condition of any, no_fence, fence_held_by, and a podUid with the last alone';
        END IF;
    END LOOP;

    PERFORM 1 FROM public."RegenerationJob" j
    WHERE j.id = ANY (ARRAY(SELECT f ->> 'id' FROM jsonb_array_elements(p_failures) f))
    ORDER BY j.id FOR NO KEY UPDATE; -- one order for all callers, so that they cannot deadlock

    -- Under the locks: which conditions hold. Of two entries for one job the first counts.
    SELECT coalesce(jsonb_object_agg(w.id, w.error), '{}') INTO v_errors
    FROM (
        SELECT DISTINCT ON (f.value ->> 'id') f.value ->> 'id' AS id, f.value -> 'error' AS error
        FROM jsonb_array_elements(p_failures) WITH ORDINALITY AS f (value, place)
        LEFT JOIN public."RegenerationRun" r ON r."jobId" = f.value ->> 'id'
        WHERE CASE f.value ->> 'condition'
            WHEN 'any' THEN true
            WHEN 'no_fence' THEN r."jobId" IS NULL
            ELSE r."podUid" = f.value ->> 'podUid' END
        ORDER BY f.value ->> 'id', f.place
    ) w;

    WITH done AS (
        UPDATE public."RegenerationJob" j
        SET status = 'FAILED', "completedAt" = now() AT TIME ZONE 'UTC', "errorJson" = v_errors -> j.id
        WHERE j.id = ANY (ARRAY(SELECT jsonb_object_keys(v_errors))) AND j.status = 'RUNNING'
        RETURNING j.id::text
    )
    SELECT coalesce(array_agg(d.id), '{}') INTO v_failed FROM done d;

    RETURN QUERY
    SELECT f.value ->> 'id',
           CASE
               WHEN j.status = 'FAILED' AND j."errorJson" = f.value -> 'error' THEN
                   CASE WHEN j.id = ANY (v_failed) THEN 'failed' ELSE 'already' END
               ELSE 'refused'
           END
    FROM jsonb_array_elements(p_failures) WITH ORDINALITY AS f (value, place)
    LEFT JOIN public."RegenerationJob" j ON j.id = f.value ->> 'id'
    ORDER BY f.place;
END
$regen$;
