-- Which waiting jobs have a free slot: by priority, then age, as many as p_want, none above a cap.
-- p_by_type and p_by_requester say how many run. A row of another version than 1 uses no slot; it is chosen and failed.
-- First the head of the queue is looked through. Only where that is full of capped rows, the first rows of every group
-- (type, requester) that has free slots are merged, without those that the head gave, which are still PENDING: each group can
-- use no more than its free slots, so what is merged holds every row that the whole queue in its order would have given. Where
-- one of another version would be chosen so, which leaves its group's slot free, the groups are merged once more with as many
-- rows of each as can be chosen in all.
-- The caps: p_cap_types maps a type to its cap. A job that nobody requested counts for no requester.
CREATE OR REPLACE FUNCTION public.regen_pick_v1(
    p_want integer, p_types text[], p_cap_types jsonb, p_cap_requester integer, p_by_type jsonb, p_by_requester jsonb
) RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
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
    v_slots integer := 0;
    v_ids text[] := '{}';
    v_open text[];
    v_strange boolean := false;
    v_head record;
BEGIN
    SELECT coalesce(array_agg(t), '{}') INTO v_open FROM unnest(p_types) t
    WHERE coalesce((p_by_type ->> t)::integer < (p_cap_types ->> t)::integer, (p_cap_types ->> t)::integer > 0, true);
    <<choosing>>
    FOR v_pass IN 1..3 LOOP
        EXIT WHEN v_pass = 2 AND v_seen < v_window; -- the head was the whole queue
        EXIT WHEN v_pass = 3 AND NOT v_strange;
        IF v_pass = 2 THEN
            SELECT v_ids AS ids, v_slots AS slots, p_by_type AS by_type, p_by_requester AS by_requester INTO v_head;
        ELSIF v_pass = 3 THEN
            v_ids := v_head.ids;
            v_slots := v_head.slots;
            p_by_type := v_head.by_type;
            p_by_requester := v_head.by_requester;
        END IF;
        <<walking>>
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
            (SELECT h.id, h.type, h.requester, h.valid
             FROM (
                SELECT k.* FROM groups g CROSS JOIN LATERAL (
                    SELECT j.id, j.type, j."requestedBy" AS requester, j.priority, j."createdAt",
                           coalesce(j."instructionJson" -> 'version' = '1', false) AS valid
                    FROM public."RegenerationJob" j
                    WHERE j.status = 'PENDING' AND j.type = g.type AND j."requestedBy" = g.requester AND j.id <> ALL (v_ids)
                    ORDER BY j.priority DESC, j."createdAt", j.id
                    LIMIT CASE WHEN g.free <= 0 THEN 0 WHEN v_pass = 3 THEN 2 * p_want - cardinality(v_ids) ELSE g.free END
                ) k
                UNION ALL
                SELECT k.* FROM unnest(v_open) AS o (type) CROSS JOIN LATERAL (
                    SELECT j.id, j.type, j."requestedBy" AS requester, j.priority, j."createdAt",
                           coalesce(j."instructionJson" -> 'version' = '1', false) AS valid
                    FROM public."RegenerationJob" j
                    WHERE j.status = 'PENDING' AND j.type = o.type AND j."requestedBy" IS NULL AND j.id <> ALL (v_ids)
                    ORDER BY j.priority DESC, j."createdAt", j.id
                    LIMIT CASE v_pass WHEN 3 THEN 2 * p_want - cardinality(v_ids) ELSE p_want END
                ) k
             ) h
             WHERE v_pass > 1
             ORDER BY h.priority DESC, h."createdAt", h.id)
        LOOP
            v_seen := v_seen + 1;
            CONTINUE WHEN c.type IS NULL OR NOT c.type = ANY (v_open) OR c.id = ANY (v_ids);
            CONTINUE WHEN coalesce((p_by_type ->> c.type)::integer, 0) >= (p_cap_types ->> c.type)::integer;
            CONTINUE WHEN c.requester IS NOT NULL
                AND coalesce((p_by_requester ->> c.requester)::integer, 0) >= p_cap_requester;
            v_strange := v_strange OR v_pass = 2 AND NOT c.valid;
            EXIT walking WHEN v_strange AND v_pass = 2;
            v_ids := v_ids || c.id;
            IF c.valid THEN
                v_slots := v_slots + 1;
                p_by_type := p_by_type || jsonb_build_object(c.type, coalesce((p_by_type ->> c.type)::integer, 0) + 1);
                IF c.requester IS NOT NULL THEN
                    p_by_requester := p_by_requester
                        || jsonb_build_object(c.requester, coalesce((p_by_requester ->> c.requester)::integer, 0) + 1);
                END IF;
            END IF;
            EXIT choosing WHEN v_slots >= p_want OR cardinality(v_ids) >= 2 * p_want;
        END LOOP walking;
    END LOOP choosing;
    RETURN v_ids;
END
$regen$;
