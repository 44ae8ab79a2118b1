-- The instructions of rows that get a custom resource now.
SELECT id, "instructionJson" FROM public."RegenerationJob" WHERE id = ANY (%(ids)s)
