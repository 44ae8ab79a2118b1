-- Of the objects in the store, those that no row names: given by URL, by job id, by the URL of the manifest that they belong to
-- where they are a manifest or its provenance, and whether they are an executor's log. A job that runs may be writing its own; a
-- log belongs to its job, whatever became of that.
SELECT given.ref
FROM unnest(%(refs)s::text[], %(ids)s::text[], %(manifests)s::text[], %(logs)s::boolean[])
    WITH ORDINALITY AS given (ref, job_id, manifest, is_log, place)
WHERE NOT EXISTS (SELECT FROM public."RegenerationOutput" o WHERE o.ref = given.ref)
  AND NOT EXISTS (SELECT FROM public."PurgedJob" p WHERE p."jobId" = given.job_id) -- left to the store's lifecycle rules
  AND NOT EXISTS (SELECT FROM public."RegenerationJob" j
                  WHERE j.id = given.job_id AND (j.status = 'RUNNING' OR j."outputRef" = given.manifest OR given.is_log))
ORDER BY given.place
