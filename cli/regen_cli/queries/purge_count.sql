-- How many jobs a purge would take, by status, and when the first of them ended.
SELECT j.status::text, count(*), min(j."completedAt"), %(before)s::timestamp
FROM public."RegenerationJob" j
WHERE j.status IN ('COMPLETED', 'FAILED') AND j."completedAt" < %(before)s::timestamp
GROUP BY j.status ORDER BY j.status
