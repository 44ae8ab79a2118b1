-- All that the database holds of the next jobs by id, for the invariants. One statement, and so one snapshot per batch.
SELECT j.id, j.type, j.status::text, j.priority, j."requestedBy", j."retryOf", j."createdAt", j."lockedAt", j."completedAt",
       j."outputRef", j."errorJson", j.instruction, r."podUid", r."podName", r."startedAt",
       (SELECT jsonb_agg(jsonb_build_array(o.name, o.ref, o.sha256, o."sizeBytes", o."mediaType") ORDER BY o.name COLLATE "C")
        FROM public."RegenerationOutput" o WHERE o."jobId" = j.id),
       (SELECT jsonb_agg(jsonb_build_array(e.id, e.event, e."jobId", e.status, e.actor,
                                           to_char(e.at, 'YYYY-MM-DD"T"HH24:MI:SS.MS'), e.detail::text, e."prevHash", e.hash)
                         ORDER BY e.id)
        FROM public."AuditEvent" e WHERE e."jobId" = j.id),
       (now() AT TIME ZONE 'UTC')::timestamp(3)
FROM (
    SELECT id, type, status, priority, "requestedBy", "retryOf", "createdAt", "lockedAt", "completedAt", "outputRef",
           "errorJson", CASE WHEN %(instructions)s THEN "instructionJson" END AS instruction
    FROM public."RegenerationJob"
    WHERE id > %(after)s AND (%(ids)s::text[] IS NULL OR id = ANY (%(ids)s))
    ORDER BY id LIMIT %(limit)s
) j
LEFT JOIN public."RegenerationRun" r ON r."jobId" = j.id
ORDER BY j.id
