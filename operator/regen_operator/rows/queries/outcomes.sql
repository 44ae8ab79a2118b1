-- Jobs that ended after a moment, oldest first, in pages by (completedAt, id), for the metrics.
SELECT j.id, j.type, j.status::text AS status, j."errorJson" ->> 'classification' AS classification,
       j."errorJson" #>> '{detail,reason}' AS reason, left(j."errorJson" ->> 'message', 1024) AS message,
       r."podName" AS pod_name, j."createdAt" AS created_at, j."lockedAt" AS locked_at, r."startedAt" AS started_at,
       j."completedAt" AS completed_at
FROM public."RegenerationJob" j LEFT JOIN public."RegenerationRun" r ON r."jobId" = j.id
WHERE j."completedAt" IS NOT NULL AND (j."completedAt", j.id) > (%(since)s::timestamp, %(after)s::text)
ORDER BY j."completedAt", j.id
LIMIT %(limit)s
