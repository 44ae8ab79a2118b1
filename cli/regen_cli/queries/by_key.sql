-- The job that has taken an idempotency key, and whether it asks for the same.
SELECT id, "instructionJson" = %(instruction)s AND priority = %(priority)s AND "retryOf" IS NOT DISTINCT FROM %(retry_of)s
FROM public."RegenerationJob" WHERE "idempotencyKey" = %(key)s
