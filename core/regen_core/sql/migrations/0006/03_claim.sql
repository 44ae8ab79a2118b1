-- Which waiting jobs have a free slot: by priority, then age, as many as p_want, none above a cap.
-- p_by_type and p_by_requester say how many run. A row of another version than 1 uses no slot; it is chosen and failed.
-- First the head of the queue is looked through. Only where that is full of capped rows, the first rows of every group
-- (type, requester) that has free slots are merged, without those that the head gave, which are still PENDING: of each group
-- as many as could be run, and those of another version between them. What a group gives is the begin of its queue, and no
-- more than 2 * p_want are chosen in all; so what is merged holds every row that the whole queue in its order would have given.
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
BEGIN
    SELECT coalesce(array_agg(t), '{}') INTO v_open FROM unnest(p_types) t
    WHERE coalesce((p_by_type ->> t)::integer < (p_cap_types ->> t)::integer, (p_cap_types ->> t)::integer > 0, true);
    <<choosing>>
    FOR v_pass IN 1..2 LOOP
        EXIT WHEN v_pass = 2 AND v_seen < v_window; -- the head was the whole queue
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
                    SELECT w.* FROM (
                        SELECT r.*, count(*) FILTER (WHERE r.valid) OVER (ORDER BY r.priority DESC, r."createdAt", r.id) AS place
                        FROM (
                            SELECT j.id, j.type, j."requestedBy" AS requester, j.priority, j."createdAt",
                                   coalesce(j."instructionJson" -> 'version' = '1', false) AS valid
                            FROM public."RegenerationJob" j
                            WHERE j.status = 'PENDING' AND j.type = g.type AND j."requestedBy" = g.requester
                                AND j.id <> ALL (v_ids)
                            ORDER BY j.priority DESC, j."createdAt", j.id
                            LIMIT CASE WHEN g.free > 0 THEN 2 * p_want - cardinality(v_ids) ELSE 0 END
                        ) r
                    ) w WHERE w.place <= g.free
                ) k
                UNION ALL
                SELECT k.* FROM unnest(v_open) AS o (type) CROSS JOIN LATERAL (
                    SELECT j.id, j.type, j."requestedBy" AS requester, j.priority, j."createdAt",
                           coalesce(j."instructionJson" -> 'version' = '1', false) AS valid, 0 AS place
                    FROM public."RegenerationJob" j
                    WHERE j.status = 'PENDING' AND j.type = o.type AND j."requestedBy" IS NULL AND j.id <> ALL (v_ids)
                    ORDER BY j.priority DESC, j."createdAt", j.id LIMIT 2 * p_want - cardinality(v_ids)
                ) k
             ) h
             WHERE v_pass = 2
             ORDER BY h.priority DESC, h."createdAt", h.id)
        LOOP
            v_seen := v_seen + 1;
            CONTINUE WHEN c.type IS NULL OR NOT c.type = ANY (v_open) OR c.id = ANY (v_ids);
            CONTINUE WHEN coalesce((p_by_type ->> c.type)::integer, 0) >= (p_cap_types ->> c.type)::integer;
            CONTINUE WHEN c.requester IS NOT NULL
                AND coalesce((p_by_requester ->> c.requester)::integer, 0) >= p_cap_requester;
            v_ids := v_ids || c.id;
            CONTINUE WHEN NOT c.valid;
            p_by_type := p_by_type || jsonb_build_object(c.type, coalesce((p_by_type ->> c.type)::integer, 0) + 1);
            IF c.requester IS NOT NULL THEN
                p_by_requester := p_by_requester
                    || jsonb_build_object(c.requester, coalesce((p_by_requester ->> c.requester)::integer, 0) + 1);
            END IF;
            v_slots := v_slots + 1;
            EXIT choosing WHEN v_slots >= p_want OR cardinality(v_ids) >= 2 * p_want;
        END LOOP;
    END LOOP choosing;
    RETURN v_ids;
END
$regen$;
