-- The instructions of rows that get a custom resource, as text: jsonb can hold values that Python's parser refuses, and one
-- such row must not fail the query for the others.
SELECT id, "instructionJson"::text FROM public."RegenerationJob" WHERE id = ANY (%(ids)s)
