-- The queue by type and reason for waiting, for the metrics: the number of jobs, and how long the oldest has waited.
-- The cost is bounded however long the queue is: a loose index scan finds up to 64 types, the first %(depth)s rows of each are
-- counted, and the oldest row of each of up to 64 priorities is read, so that the oldest of all is exact. The reasons are those
-- of regen_operator.mirror.status.waiting_reason.
WITH RECURSIVE kinds (type, step) AS (
    (SELECT j.type, 1 FROM public."RegenerationJob" j
     WHERE j.status = 'PENDING' AND j.type IS NOT NULL ORDER BY j.type LIMIT 1)
    UNION ALL
    SELECT (SELECT j.type FROM public."RegenerationJob" j
            WHERE j.status = 'PENDING' AND j.type > k.type ORDER BY j.type LIMIT 1), k.step + 1
    FROM kinds k WHERE k.type IS NOT NULL AND k.step < 64
), heads (type, requester, priority, at, step) AS (
    (SELECT j.type, j."requestedBy", j.priority, j."createdAt", 1 FROM public."RegenerationJob" j
     WHERE j.status = 'PENDING' ORDER BY j.priority DESC, j."createdAt", j.id LIMIT 1)
    UNION ALL
    SELECT n.type, n.requester, n.priority, n.at, h.step + 1
    FROM heads h CROSS JOIN LATERAL (
        SELECT j.type, j."requestedBy" AS requester, j.priority, j."createdAt" AS at FROM public."RegenerationJob" j
        WHERE j.status = 'PENDING' AND j.priority < h.priority
        ORDER BY j.priority DESC, j."createdAt", j.id LIMIT 1) n
    WHERE h.step < 64
), seen (type, requester, at, counted) AS (
    SELECT r.type, r.requester, r.at, 1
    FROM kinds k CROSS JOIN LATERAL (
        SELECT j.type, j."requestedBy" AS requester, j."createdAt" AS at FROM public."RegenerationJob" j
        WHERE j.status = 'PENDING' AND j.type = k.type
        ORDER BY j.type, j."requestedBy", j.priority DESC, j."createdAt", j.id LIMIT %(depth)s) r
    WHERE k.type IS NOT NULL
    UNION ALL
    (SELECT j.type, j."requestedBy", j."createdAt", 1 FROM public."RegenerationJob" j
     WHERE j.status = 'PENDING' AND j.type IS NULL
     ORDER BY j."requestedBy", j.priority DESC, j."createdAt", j.id LIMIT %(depth)s)
    UNION ALL
    SELECT h.type, h.requester, h.at, 0 FROM heads h
), running AS MATERIALIZED (
    SELECT j.type, j."requestedBy" AS requester FROM public."RegenerationJob" j WHERE j.status = 'RUNNING'
), of_type AS (
    SELECT r.type, count(*) AS jobs FROM running r GROUP BY r.type
), of_requester AS (
    SELECT r.requester, count(*) AS jobs FROM running r WHERE r.requester IS NOT NULL GROUP BY r.requester
)
SELECT s.type,
       CASE
           WHEN s.type = ANY (%(blocked_types)s) THEN 'Unschedulable'
           WHEN coalesce(t.jobs, 0) >= (%(cap_types)s::jsonb ->> s.type)::integer THEN 'CapType'
           WHEN s.requester IS NOT NULL AND coalesce(q.jobs, 0) >= %(cap_requester)s::integer THEN 'CapRequester'
           WHEN (SELECT count(*) FROM running) >= %(cap_total)s::integer THEN 'CapTotal'
           ELSE 'Queued'
       END AS reason,
       sum(s.counted)::bigint AS jobs,
       greatest(0, extract(epoch FROM (now() AT TIME ZONE 'UTC')::timestamp(3) - min(s.at)))::double precision AS oldest_seconds
FROM seen s
LEFT JOIN of_type t ON t.type = s.type
LEFT JOIN of_requester q ON q.requester = s.requester
GROUP BY 1, 2
