-- RUNNING jobs by type, for the metrics.
SELECT j.type, count(*) FROM public."RegenerationJob" j WHERE j.status = 'RUNNING' GROUP BY j.type
