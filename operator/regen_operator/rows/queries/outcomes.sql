-- Jobs that ended after a moment, oldest first, in pages by (completedAt, id), for the metrics.
SELECT j.id, j.type, j.status::text, j."errorJson" ->> 'classification', j."errorJson" #>> '{detail,reason}',
       left(j."errorJson" ->> 'message', 1024), r."podName", j."createdAt", j."lockedAt", r."startedAt", j."completedAt"
FROM public."RegenerationJob" j LEFT JOIN public."RegenerationRun" r ON r."jobId" = j.id
WHERE j."completedAt" IS NOT NULL AND (j."completedAt", j.id) > (%(since)s::timestamp, %(after)s::text)
ORDER BY j."completedAt", j.id
LIMIT %(limit)s
