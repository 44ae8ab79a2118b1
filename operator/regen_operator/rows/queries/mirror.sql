-- The rows that want a custom resource: all that run, the head of the queue, what ended a short while ago, and of those
-- that have a custom resource already the ones that wait, or whose last audit event is not written yet.
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
SELECT j.id, j.type, j.status::text, j.priority, j."requestedBy", j."retryOf", j."idempotencyKey", j."createdAt",
       j."lockedAt", j."completedAt", j."outputRef",
       CASE WHEN j."errorJson" IS NOT NULL THEN jsonb_build_object(
           'classification', left(j."errorJson" ->> 'classification', 64),
           'retryable', coalesce(j."errorJson" -> 'retryable' = 'true'::jsonb, false),
           'message', left(j."errorJson" ->> 'message', 1024)) END,
       r."podUid", r."podName", r."startedAt", (now() AT TIME ZONE 'UTC')::timestamp(3)
FROM wanted w
JOIN public."RegenerationJob" j ON j.id = w.id
LEFT JOIN public."RegenerationRun" r ON r."jobId" = j.id
