-- The rows and fences of the given jobs, for recovery. Recovery does not need the error.
SELECT j.id, j.type, j.status::text AS status, j.priority, j."requestedBy" AS requested_by, j."retryOf" AS retry_of,
       j."idempotencyKey" AS idempotency_key, j."createdAt" AS created_at, j."lockedAt" AS locked_at,
       j."completedAt" AS completed_at, j."outputRef" AS output_ref, NULL::jsonb AS error,
       r."podUid" AS pod_uid, r."podName" AS pod_name, r."startedAt" AS started_at,
       (now() AT TIME ZONE 'UTC')::timestamp(3) AS now
FROM public."RegenerationJob" j LEFT JOIN public."RegenerationRun" r ON r."jobId" = j.id
WHERE j.id = ANY (%(ids)s)
