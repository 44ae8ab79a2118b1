-- Of the objects in the store, given by URL, job id and whether it is an executor's log, those that no row names. A job that
-- runs may be writing its own; a log belongs to its job, whatever became of that.
SELECT given.ref
FROM unnest(%(refs)s::text[], %(ids)s::text[], %(logs)s::boolean[]) WITH ORDINALITY AS given (ref, job_id, is_log, place)
WHERE NOT EXISTS (SELECT FROM public."RegenerationOutput" o WHERE o.ref = given.ref)
  AND NOT EXISTS (SELECT FROM public."RegenerationJob" j
                  WHERE j.id = given.job_id AND (j.status = 'RUNNING' OR j."outputRef" = given.ref OR given.is_log))
ORDER BY given.place
