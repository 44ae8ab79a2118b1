-- Of the objects in the store, given by URL and job id, those that no row names. A job that runs may be writing its own.
SELECT given.ref
FROM unnest(%(refs)s::text[], %(ids)s::text[]) WITH ORDINALITY AS given (ref, job_id, place)
WHERE NOT EXISTS (SELECT FROM public."RegenerationOutput" o WHERE o.ref = given.ref)
  AND NOT EXISTS (SELECT FROM public."RegenerationJob" j
                  WHERE j.id = given.job_id AND (j.status = 'RUNNING' OR j."outputRef" = given.ref))
ORDER BY given.place
