-- The instructions of rows that get a custom resource now, as text: jsonb holds values that Python's parser refuses, and one
-- such row must not hide the others.
SELECT id, "instructionJson"::text FROM public."RegenerationJob" WHERE id = ANY (%(ids)s)
