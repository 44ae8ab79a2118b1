-- Adds the audit events that the trigger could not write, of jobs of the given interval.
SELECT "jobId" AS job_id, event
FROM public.regen_audit_repair_v1(%(limit)s::integer,
                                  (now() AT TIME ZONE 'UTC')::timestamp - make_interval(secs => %(seconds)s::double precision))
