-- Which of the given jobs are terminal, or have no row at all.
SELECT given.id
FROM unnest(%(ids)s::text[]) AS given (id)
LEFT JOIN public."RegenerationJob" j ON j.id = given.id
WHERE j.status IS NULL OR j.status IN ('COMPLETED', 'FAILED')
