-- Starts every function of operator and runner. It refuses a caller whose snapshot is older than the locks that the function takes,
-- and makes the commit durable whatever the session has set: a lost COMPLETED would run nothing again, but a lost fence would.
CREATE FUNCTION public.regen_begin_v1() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $regen$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION USING ERRCODE = 'RG006', MESSAGE = format(
            'regen functions: expected isolation level read committed, got %s', current_setting('transaction_isolation'));
    END IF;
    IF current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
END
$regen$;

-- Returns up to p_want PENDING jobs with a free slot, by priority, then age.
-- p_by_type and p_by_requester: numbers of RUNNING jobs. p_cap_types: caps by type. Jobs without a requester count for none.
-- The first pass reads the head of the queue. The second runs only if that window was full, so mostly of capped rows: it merges
-- the first rows of each group (type, requester) with free slots. No group can use more than its free slots, so the merged rows
-- include every row that a walk over the whole queue would give.
-- Tried instead, at 100,000 capped rows before an eligible one (performance.md, "The claim"): a walk over the queue in order,
-- which reads all of them; one query with window functions over the queue, which sorts all of them; only the merge, which costs a
-- short queue of 500 requesters 500 index descents.
-- The planner settings: with statistics from an empty table the planner takes a sequential or bitmap scan and sorts, or joins by
-- hash, and a plan cached then stays. Only index scans in queue order stop at LIMIT. JIT and parallel workers cost more than the
-- query.
CREATE FUNCTION public.regen_pick_v1(
    p_want integer, p_types text[], p_cap_types jsonb, p_cap_requester integer, p_by_type jsonb, p_by_requester jsonb
) RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET max_parallel_workers_per_gather = 0
SET jit = off
AS $regen$
DECLARE
    c record;
    v_window CONSTANT integer := 100 + 2 * p_want;
    v_seen integer := 0;
    v_ids text[] := '{}';
    v_open text[];
BEGIN
    SELECT coalesce(array_agg(t), '{}') INTO v_open FROM unnest(p_types) t
    WHERE coalesce((p_by_type ->> t)::integer < (p_cap_types ->> t)::integer, (p_cap_types ->> t)::integer > 0, true);
    <<choosing>>
    FOR v_pass IN 1..2 LOOP
        EXIT WHEN v_pass = 2 AND v_seen < v_window; -- the window was the whole queue
        FOR c IN
            WITH RECURSIVE walk (type, requester) AS (
                SELECT o.type, (
                    SELECT j."requestedBy" FROM public."RegenerationJob" j
                    WHERE j.status = 'PENDING' AND j.type = o.type AND j."requestedBy" IS NOT NULL
                    ORDER BY j."requestedBy" LIMIT 1)
                FROM unnest(v_open) AS o (type)
                UNION ALL
                SELECT w.type, (
                    SELECT j."requestedBy" FROM public."RegenerationJob" j
                    WHERE j.status = 'PENDING' AND j.type = w.type AND j."requestedBy" > w.requester
                    ORDER BY j."requestedBy" LIMIT 1)
                FROM walk w WHERE w.requester IS NOT NULL
            ), groups AS (
                SELECT w.type, w.requester, least(
                    p_want,
                    (p_cap_types ->> w.type)::integer - coalesce((p_by_type ->> w.type)::integer, 0),
                    p_cap_requester - coalesce((p_by_requester ->> w.requester)::integer, 0)) AS free
                FROM walk w WHERE w.requester IS NOT NULL
            )
            (SELECT j.id, j.type, j."requestedBy" AS requester,
                    coalesce(j."instructionJson" -> 'version' = '1', false) AS valid
             FROM public."RegenerationJob" j
             WHERE j.status = 'PENDING' AND v_pass = 1
             ORDER BY j.priority DESC, j."createdAt", j.id LIMIT v_window)
            UNION ALL
            (SELECT h.id, h.type, h.requester, true
             FROM (
                SELECT k.* FROM groups g CROSS JOIN LATERAL (
                    SELECT j.id, j.type, j."requestedBy" AS requester, j.priority, j."createdAt"
                    FROM public."RegenerationJob" j
                    WHERE j.status = 'PENDING' AND j.type = g.type AND j."requestedBy" = g.requester AND j.id <> ALL (v_ids)
                        AND coalesce(j."instructionJson" -> 'version' = '1', false)
                    ORDER BY j.priority DESC, j."createdAt", j.id LIMIT greatest(g.free, 0)
                ) k
                UNION ALL
                SELECT k.* FROM unnest(v_open) AS o (type) CROSS JOIN LATERAL (
                    SELECT j.id, j.type, j."requestedBy" AS requester, j.priority, j."createdAt"
                    FROM public."RegenerationJob" j
                    WHERE j.status = 'PENDING' AND j.type = o.type AND j."requestedBy" IS NULL AND j.id <> ALL (v_ids)
                        AND coalesce(j."instructionJson" -> 'version' = '1', false)
                    ORDER BY j.priority DESC, j."createdAt", j.id LIMIT p_want
                ) k
             ) h
             WHERE v_pass = 2
             ORDER BY h.priority DESC, h."createdAt", h.id)
        LOOP
            v_seen := v_seen + 1;
            CONTINUE WHEN NOT c.valid OR c.type IS NULL OR NOT c.type = ANY (v_open) OR c.id = ANY (v_ids);
            CONTINUE WHEN coalesce((p_by_type ->> c.type)::integer, 0) >= (p_cap_types ->> c.type)::integer;
            CONTINUE WHEN c.requester IS NOT NULL
                AND coalesce((p_by_requester ->> c.requester)::integer, 0) >= p_cap_requester;
            v_ids := v_ids || c.id;
            p_by_type := p_by_type || jsonb_build_object(c.type, coalesce((p_by_type ->> c.type)::integer, 0) + 1);
            IF c.requester IS NOT NULL THEN
                p_by_requester := p_by_requester
                    || jsonb_build_object(c.requester, coalesce((p_by_requester ->> c.requester)::integer, 0) + 1);
            END IF;
            EXIT choosing WHEN cardinality(v_ids) >= p_want;
        END LOOP;
    END LOOP choosing;
    RETURN v_ids;
END
$regen$;

-- Returns PENDING jobs that cannot run: of a type without an executor class, and of another instruction version than 1; up to
-- p_limit of each. The walk skips from type to type instead of reading the rows between them.
CREATE FUNCTION public.regen_pick_unknown_v1(p_limit integer, p_types text[]) RETURNS text[]
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET max_parallel_workers_per_gather = 0
SET jit = off
AS $regen$
    WITH RECURSIVE walk (type) AS (
        (SELECT j.type FROM public."RegenerationJob" j
         WHERE j.status = 'PENDING' AND j.type IS NOT NULL ORDER BY j.type LIMIT 1)
        UNION ALL
        SELECT (SELECT j.type FROM public."RegenerationJob" j
                WHERE j.status = 'PENDING' AND j.type > w.type ORDER BY j.type LIMIT 1)
        FROM walk w WHERE w.type IS NOT NULL
    ), strange AS (
        SELECT w.type FROM walk w WHERE w.type <> ALL (p_types) LIMIT p_limit
    ), found AS (
        SELECT k.id FROM strange s CROSS JOIN LATERAL (
            SELECT j.id FROM public."RegenerationJob" j WHERE j.status = 'PENDING' AND j.type = s.type LIMIT p_limit
        ) k
        UNION ALL
        (SELECT j.id FROM public."RegenerationJob" j WHERE j.status = 'PENDING' AND j.type IS NULL LIMIT p_limit)
    )
    SELECT coalesce(array_agg(f.id), '{}') FROM (
        (SELECT id FROM found LIMIT p_limit)
        UNION
        (SELECT j.id FROM public."RegenerationJob" j
         WHERE j.status = 'PENDING' AND coalesce(j."instructionJson" -> 'version' = '1', false) IS FALSE
         ORDER BY j.id LIMIT p_limit)
    ) f
$regen$;

-- PENDING -> RUNNING for up to p_batch jobs within the caps (R2). Returns nothing while another claim holds the lock, since two
-- claims that count the same free slots would exceed a cap. NULL means no cap. Jobs that cannot run (no executor class for the
-- type, another version than 1, an instruction over the limit in an adopted row) are claimed and FAILED in the
-- same call and use no slot. "instructionJson" is always NULL: the pod reads the instruction, and the operator's memory does not
-- depend on its size.
CREATE FUNCTION public.regen_claim_v1(
    p_batch integer, p_cap_total integer, p_cap_types jsonb, p_cap_requester integer, p_types text[]
) RETURNS TABLE (
    id text, type text, priority integer, "requestedBy" text, "retryOf" text, "idempotencyKey" text,
    "instructionJson" jsonb, "createdAt" timestamp, "lockedAt" timestamp, status public."RegenerationJobStatus",
    "errorJson" jsonb
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET max_parallel_workers_per_gather = 0
SET jit = off
AS $regen$
#variable_conflict use_column
DECLARE
    v_now CONSTANT timestamp(3) := now() AT TIME ZONE 'UTC';
    v_caps CONSTANT jsonb := coalesce(p_cap_types, '{}');
    v_limit CONSTANT integer := public.regen_max_instruction_bytes();
    v_want integer;
    v_running bigint;
    v_by_type jsonb;
    v_by_requester jsonb;
    v_ids text[] := '{}';
    v_refused text[];
BEGIN
    PERFORM public.regen_begin_v1();
    IF p_batch IS NULL OR p_batch < 1 OR p_types IS NULL OR jsonb_typeof(v_caps) <> 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'RG005', MESSAGE = format(
            'regen_claim_v1: expected p_batch of 1 or more, p_types an array and p_cap_types an object, got %s, %s and %s',
            p_batch, p_types, p_cap_types);
    END IF;
    BEGIN
        -- A table lock writes nothing, so that a claim that finds nothing does not either.
        LOCK TABLE public."RegenerationLock" IN SHARE ROW EXCLUSIVE MODE NOWAIT;
    EXCEPTION WHEN lock_not_available THEN
        RETURN;
    END;

    WITH running AS MATERIALIZED (
        SELECT j.type, j."requestedBy" AS requester, count(*) AS jobs
        FROM public."RegenerationJob" j WHERE j.status = 'RUNNING' GROUP BY j.type, j."requestedBy"
    )
    SELECT coalesce((SELECT sum(r.jobs) FROM running r), 0),
           coalesce((SELECT jsonb_object_agg(t.type, t.jobs) FROM (
               SELECT r.type, sum(r.jobs) AS jobs FROM running r WHERE r.type IS NOT NULL GROUP BY r.type) t), '{}'),
           coalesce((SELECT jsonb_object_agg(t.requester, t.jobs) FROM (
               SELECT r.requester, sum(r.jobs) AS jobs FROM running r
               WHERE r.requester IS NOT NULL GROUP BY r.requester) t), '{}')
    INTO v_running, v_by_type, v_by_requester;

    v_refused := public.regen_pick_unknown_v1(p_batch, p_types);
    v_want := least(p_batch, p_cap_total - v_running);
    IF v_want > 0 THEN
        IF v_caps = '{}' AND p_cap_requester IS NULL THEN
            -- coalesce keeps the planner on the index in queue order
            v_ids := ARRAY(
                SELECT j.id FROM public."RegenerationJob" j
                WHERE j.status = 'PENDING' AND coalesce(j.type, '') = ANY (p_types)
                    AND coalesce(j."instructionJson" -> 'version' = '1', false)
                ORDER BY j.priority DESC, j."createdAt", j.id LIMIT v_want FOR UPDATE SKIP LOCKED);
        ELSE
            v_ids := public.regen_pick_v1(v_want, p_types, v_caps, p_cap_requester, v_by_type, v_by_requester);
        END IF;
    END IF;

    -- Locks the chosen rows, and separates those that cannot run. An instruction over the limit takes more than 2,000 bytes
    -- however well it compresses; shorter ones need not be read.
    WITH locked AS MATERIALIZED (
        SELECT j.id, j.id = ANY (v_ids) AND (
                   pg_column_size(j."instructionJson") <= 2000 OR octet_length(j."instructionJson"::text) <= v_limit) AS valid
        FROM public."RegenerationJob" j
        WHERE j.id = ANY (v_ids || v_refused) AND j.status = 'PENDING' FOR UPDATE SKIP LOCKED
    )
    SELECT coalesce(array_agg(l.id) FILTER (WHERE l.valid), '{}'),
           coalesce(array_agg(l.id) FILTER (WHERE NOT l.valid), '{}')
    INTO v_ids, v_refused FROM locked l;

    IF cardinality(v_ids) > 0 THEN
        RETURN QUERY
        WITH claimed AS (
            UPDATE public."RegenerationJob" j SET status = 'RUNNING', "lockedAt" = v_now
            WHERE j.id = ANY (v_ids) AND j.status = 'PENDING'
            RETURNING j.id, j.type, j.priority, j."requestedBy", j."retryOf", j."idempotencyKey", j."createdAt", j."lockedAt",
                      j.status, j."errorJson"
        )
        SELECT j.id::text, j.type, j.priority, j."requestedBy", j."retryOf", j."idempotencyKey", NULL::jsonb,
               j."createdAt"::timestamp, j."lockedAt"::timestamp, j.status, j."errorJson"
        FROM claimed j ORDER BY j.priority DESC, j."createdAt", j.id;
    END IF;
    IF cardinality(v_refused) > 0 THEN
        UPDATE public."RegenerationJob" j SET status = 'RUNNING', "lockedAt" = v_now
        WHERE j.id = ANY (v_refused) AND j.status = 'PENDING';
        RETURN QUERY
        UPDATE public."RegenerationJob" j
        SET status = 'FAILED', "completedAt" = v_now,
            "errorJson" = public.regen_refusal_v1(j.type, j."instructionJson", p_types, v_limit)
        WHERE j.id = ANY (v_refused) AND j.status = 'RUNNING'
        RETURNING j.id::text, j.type, j.priority, j."requestedBy", j."retryOf", j."idempotencyKey", NULL::jsonb,
                  j."createdAt"::timestamp, j."lockedAt"::timestamp, j.status, j."errorJson";
    END IF;
END
$regen$;

-- Whether another transaction holds the lock of the claim at this moment: the operator asks after a claim that returned nothing.
CREATE FUNCTION public.regen_claim_held_v1() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $regen$
BEGIN
    LOCK TABLE public."RegenerationLock" IN SHARE ROW EXCLUSIVE MODE NOWAIT;
    RETURN false;
EXCEPTION WHEN lock_not_available THEN
    RETURN true;
END
$regen$;

-- The errorJson of a job that the claim fails.
CREATE FUNCTION public.regen_refusal_v1(p_type text, p_instruction jsonb, p_types text[], p_limit integer) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $regen$
    SELECT jsonb_build_object(
        'classification', 'validation',
        'retryable', false,
        'message', CASE f.field
            WHEN 'type' THEN format(
                'instruction field type: expected one of %s, got %s',
                coalesce((SELECT string_agg(t, ', ' ORDER BY t) FROM (SELECT t FROM unnest(p_types) t ORDER BY t LIMIT 50) s), 'none'),
                coalesce(left((p_instruction -> 'type')::text, 100), 'none'))
            WHEN 'version' THEN format(
                'instruction field version: expected 1, got %s', coalesce(left((p_instruction -> 'version')::text, 100), 'none'))
            ELSE format('instruction: expected at most %s bytes of JSON text, got %s', p_limit, octet_length(p_instruction::text))
        END,
        'detail', jsonb_build_object('field', f.field))
    FROM (SELECT CASE
        WHEN coalesce(p_type = ANY (p_types), false) IS FALSE THEN 'type'
        WHEN coalesce(p_instruction -> 'version' = '1', false) IS FALSE THEN 'version'
        ELSE 'instruction' END AS field) f
$regen$;
