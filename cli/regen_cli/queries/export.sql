-- The next audit events by id, for the export; the detail as PostgreSQL's text, over which the hash is made.
SELECT id, event, "jobId", status::text, actor, at, detail::text, "prevHash", hash
FROM public."AuditEvent"
WHERE id > %(after)s AND (%(since)s::timestamp IS NULL OR at >= %(since)s)
ORDER BY id LIMIT %(limit)s
