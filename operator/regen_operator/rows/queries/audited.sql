-- A page of the audit trail in the order of ids, each event with the hash of the job's previous event, to verify the chains.
SELECT e.id, e.event, e."jobId", e.status::text, e.actor, e.at, e.detail::text, e."prevHash", e.hash,
       (SELECT p.hash FROM public."AuditEvent" p WHERE p."jobId" = e."jobId" AND p.id < e.id ORDER BY p.id DESC LIMIT 1)
FROM public."AuditEvent" e
WHERE e.id > %(after)s::bigint
ORDER BY e.id
LIMIT %(limit)s
