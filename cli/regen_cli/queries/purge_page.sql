-- The next jobs that a purge takes, the ones that ended first: the keyset cursor, how many audit events each has, and all of
-- its rows as one line of JSON. The fence's nonce is a secret and stays out; an event's detail is also there as PostgreSQL's
-- text, over which its hash is made.
SELECT j.id, j."completedAt",
       (SELECT count(*) FROM public."AuditEvent" e WHERE e."jobId" = j.id),
       jsonb_build_object(
           'job', to_jsonb(j),
           'run', (SELECT jsonb_build_object('jobId', r."jobId", 'podUid', r."podUid", 'podName', r."podName",
                                            'startedAt', r."startedAt")
                  FROM public."RegenerationRun" r WHERE r."jobId" = j.id),
           'outputs', coalesce((SELECT jsonb_agg(to_jsonb(o) ORDER BY o.name COLLATE "C")
                                FROM public."RegenerationOutput" o WHERE o."jobId" = j.id), '[]'),
           'generation', (SELECT to_jsonb(g) FROM public."PlanGeneration" g WHERE g."jobId" = j.id),
           'events', coalesce((SELECT jsonb_agg(to_jsonb(e) || jsonb_build_object(
                                       'at', to_char(e.at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'detailText', e.detail::text)
                                       ORDER BY e.id)
                               FROM public."AuditEvent" e WHERE e."jobId" = j.id), '[]'))::text
FROM public."RegenerationJob" j
WHERE j.status IN ('COMPLETED', 'FAILED') AND j."completedAt" < %(before)s::timestamp
  AND (%(after_at)s::timestamp IS NULL OR (j."completedAt", j.id) > (%(after_at)s::timestamp, %(after_id)s))
ORDER BY j."completedAt", j.id LIMIT %(limit)s
