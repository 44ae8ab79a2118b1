-- The next audit events of one job by id, for the export.
SELECT id, event, "jobId", status::text, actor, at, detail::text, "prevHash", hash
FROM public."AuditEvent"
WHERE "jobId" = %(job_id)s AND id > %(after)s AND (%(since)s::timestamp IS NULL OR at >= %(since)s)
ORDER BY id LIMIT %(limit)s
