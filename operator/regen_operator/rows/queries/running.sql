-- Every RUNNING job, for the resync.
SELECT id FROM public."RegenerationJob" WHERE status = 'RUNNING'
