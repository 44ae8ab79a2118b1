-- Of the objects in the store, those that no row names: given by URL, by job id, and by the URL of the manifest that they
-- belong to where they are a manifest or its provenance. A job that runs may be writing its own.
SELECT given.ref
FROM unnest(%(refs)s::text[], %(ids)s::text[], %(manifests)s::text[]) WITH ORDINALITY AS given (ref, job_id, manifest, place)
WHERE NOT EXISTS (SELECT FROM public."RegenerationOutput" o WHERE o.ref = given.ref)
  AND NOT EXISTS (SELECT FROM public."PurgedJob" p WHERE p."jobId" = given.job_id) -- left to the store's lifecycle rules
  AND NOT EXISTS (SELECT FROM public."RegenerationJob" j
                  WHERE j.id = given.job_id AND (j.status = 'RUNNING' OR j."outputRef" = given.manifest))
ORDER BY given.place
