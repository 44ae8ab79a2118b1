-- Where an export ends: the newest event that can be seen as it begins.
SELECT coalesce(max(id), 0) FROM public."AuditEvent"
