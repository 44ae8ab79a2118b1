-- The rows that get a custom resource: RUNNING rows, the head of the queue, and recently ended rows. A row that has a custom
-- resource keeps it while it is PENDING, or until its last audit event is written.
WITH wanted (id) AS (
    SELECT id FROM public."RegenerationJob" WHERE status = 'RUNNING'
    UNION
    (SELECT id FROM public."RegenerationJob" WHERE status = 'PENDING'
     ORDER BY priority DESC, "createdAt", id LIMIT %(window)s)
    UNION
    (SELECT id FROM public."RegenerationJob"
     WHERE "completedAt" > (now() AT TIME ZONE 'UTC') - make_interval(secs => %(ttl_seconds)s)
     ORDER BY "completedAt" DESC, id DESC LIMIT %(keep)s)
    UNION
    SELECT k.id FROM public."RegenerationJob" k
    WHERE k.id = ANY (%(mirrored)s)
      AND (k.status = 'PENDING' OR (k.status IN ('COMPLETED', 'FAILED') AND NOT EXISTS (
          SELECT FROM public."AuditEvent" e
          WHERE e."jobId" = k.id AND e.event IN ('REGEN_JOB_' || k.status::text, 'REGEN_JOB_ADOPTED'))))
    UNION
    SELECT unnest(%(shown)s::text[])
)
SELECT j.id, j.type, j.status::text AS status, j.priority, j."requestedBy" AS requested_by, j."retryOf" AS retry_of,
       j."idempotencyKey" AS idempotency_key, j."createdAt" AS created_at, j."lockedAt" AS locked_at,
       j."completedAt" AS completed_at, j."outputRef" AS output_ref,
       CASE WHEN j."errorJson" IS NOT NULL THEN jsonb_build_object(
           'classification', left(j."errorJson" ->> 'classification', 64),
           'retryable', coalesce(j."errorJson" -> 'retryable' = 'true'::jsonb, false),
           'message', left(j."errorJson" ->> 'message', 1024)) END AS error,
       r."podUid" AS pod_uid, r."podName" AS pod_name, r."startedAt" AS started_at,
       (now() AT TIME ZONE 'UTC')::timestamp(3) AS now
FROM wanted w
JOIN public."RegenerationJob" j ON j.id = w.id
LEFT JOIN public."RegenerationRun" r ON r."jobId" = j.id
