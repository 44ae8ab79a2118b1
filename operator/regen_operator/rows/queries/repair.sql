-- Adds audit events of committed transitions that the audit trigger could not write, for jobs of the last while.
SELECT "jobId", event
FROM public.regen_audit_repair_v1(%(limit)s, (now() AT TIME ZONE 'UTC')::timestamp - make_interval(secs => %(seconds)s))
