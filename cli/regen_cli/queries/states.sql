-- The given jobs as the list shows them, in the order of their ids.
SELECT j.id, j.type, j.status::text, j.priority, j."requestedBy", j."createdAt", j."lockedAt", j."completedAt",
       j."errorJson" ->> 'classification', (now() AT TIME ZONE 'UTC')::timestamp(3)
FROM public."RegenerationJob" j
WHERE j.id = ANY (%(ids)s)
ORDER BY array_position(%(ids)s, j.id)
