-- Why the given PENDING rows wait: what runs beside each, and its place among the first thousand of the queue.
WITH running AS MATERIALIZED (
    SELECT type, "requestedBy" AS requester FROM public."RegenerationJob" WHERE status = 'RUNNING'
), head AS MATERIALIZED (
    SELECT q.id, row_number() OVER (ORDER BY q.priority DESC, q."createdAt", q.id) AS place
    FROM (SELECT id, priority, "createdAt" FROM public."RegenerationJob" WHERE status = 'PENDING'
          ORDER BY priority DESC, "createdAt", id LIMIT 1000) q
)
SELECT j.id,
       (SELECT count(*) FROM running),
       (SELECT count(*) FROM running r WHERE r.type = j.type),
       (SELECT count(*) FROM running r WHERE r.requester = j."requestedBy"),
       h.place
FROM public."RegenerationJob" j LEFT JOIN head h ON h.id = j.id
WHERE j.id = ANY (%(ids)s) AND j.status = 'PENDING'
