-- RUNNING jobs that the sweep looks at: no fence a while after the claim, or older than any job may be.
SELECT j.id
FROM public."RegenerationJob" j
WHERE j.status = 'RUNNING'
  AND j."lockedAt" < (now() AT TIME ZONE 'UTC') - make_interval(secs => %(start_seconds)s)
  AND (j."lockedAt" < (now() AT TIME ZONE 'UTC') - make_interval(secs => %(late_seconds)s)
       OR NOT EXISTS (SELECT FROM public."RegenerationRun" r WHERE r."jobId" = j.id))
ORDER BY j."lockedAt"
LIMIT %(limit)s
