-- RUNNING jobs for the sweep: without a fence some time after the claim, or past the shortest deadline.
SELECT j.id
FROM public."RegenerationJob" j
WHERE j.status = 'RUNNING'
  AND j."lockedAt" < (now() AT TIME ZONE 'UTC') - make_interval(secs => %(start_seconds)s)
  AND (j."lockedAt" < (now() AT TIME ZONE 'UTC') - make_interval(secs => %(late_seconds)s)
       OR NOT EXISTS (SELECT FROM public."RegenerationRun" r WHERE r."jobId" = j.id))
ORDER BY j."lockedAt"
LIMIT %(limit)s
