-- Rows and fences of the given jobs, for the reconciler.
SELECT j.id, j.type, j.status::text, j.priority, j."requestedBy", j."retryOf", j."idempotencyKey", j."createdAt",
       j."lockedAt", j."completedAt", j."outputRef", NULL::jsonb, r."podUid", r."podName", r."startedAt",
       (now() AT TIME ZONE 'UTC')::timestamp(3)
FROM public."RegenerationJob" j LEFT JOIN public."RegenerationRun" r ON r."jobId" = j.id
WHERE j.id = ANY (%(ids)s)
