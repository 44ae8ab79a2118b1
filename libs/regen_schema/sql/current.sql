-- What goes on just now: all that run, what ended within the last minute, and the head of the queue.
SELECT j.id, j.type, j.status::text, j.priority, j."requestedBy", j."createdAt", j."lockedAt", j."completedAt",
       j."errorJson" ->> 'classification', (now() AT TIME ZONE 'UTC')::timestamp(3), j."retryOf"
FROM public."RegenerationJob" j
JOIN (
    (SELECT id, 1 AS part, row_number() OVER (ORDER BY "completedAt") AS place FROM (
        SELECT id, "completedAt" FROM public."RegenerationJob"
        WHERE "completedAt" > (now() AT TIME ZONE 'UTC') - interval '1 minute'
        ORDER BY "completedAt" DESC, id DESC LIMIT %(limit)s) ended)
    UNION ALL
    SELECT id, 2, row_number() OVER (ORDER BY "lockedAt") FROM public."RegenerationJob" WHERE status = 'RUNNING'
    UNION ALL
    (SELECT id, 3, row_number() OVER (ORDER BY priority DESC, "createdAt", id) FROM (
        SELECT id, priority, "createdAt" FROM public."RegenerationJob" WHERE status = 'PENDING'
        ORDER BY priority DESC, "createdAt", id LIMIT %(limit)s) waiting)
) wanted ON wanted.id = j.id
ORDER BY wanted.part, wanted.place
