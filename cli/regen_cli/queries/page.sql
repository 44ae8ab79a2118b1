-- One page of jobs, newest first. Absent filters are NULL and vanish when the statement is planned.
SELECT j.id, j.type, j.status::text, j.priority, j."requestedBy", j."createdAt", j."lockedAt", j."completedAt",
       j."errorJson" ->> 'classification', (now() AT TIME ZONE 'UTC')::timestamp(3)
FROM public."RegenerationJob" j
WHERE (%(statuses)s::text[] IS NULL OR j.status = ANY (%(statuses)s::text[]::public."RegenerationJobStatus"[]))
  AND (%(type)s::text IS NULL OR j.type = %(type)s)
  AND (%(requester)s::text IS NULL OR j."requestedBy" = %(requester)s)
  AND (%(before_at)s::timestamp IS NULL OR (j."createdAt", j.id) < (%(before_at)s::timestamp, %(before_id)s))
ORDER BY j."createdAt" DESC, j.id DESC
LIMIT %(limit)s
