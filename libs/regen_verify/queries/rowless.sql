-- The next page of the audit trail by job: where it ends, and which of its jobs have no row.
WITH page AS MATERIALIZED (
    SELECT "jobId", id FROM public."AuditEvent"
    WHERE ("jobId", id) > (%(job_id)s, %(id)s)
    ORDER BY "jobId", id LIMIT %(limit)s
)
SELECT p."jobId", p.id,
       ARRAY(SELECT DISTINCT q."jobId" FROM page q
             WHERE NOT EXISTS (SELECT FROM public."RegenerationJob" j WHERE j.id = q."jobId")),
       (now() AT TIME ZONE 'UTC')::timestamp(3)
FROM page p ORDER BY p."jobId" DESC, p.id DESC LIMIT 1
