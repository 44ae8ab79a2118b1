-- A new request; no row comes back where the idempotency key is taken.
INSERT INTO public."RegenerationJob" (id, "instructionJson", priority, "requestedBy", "idempotencyKey", "retryOf")
VALUES (%(id)s, %(instruction)s, %(priority)s, %(requested_by)s, %(key)s, %(retry_of)s)
ON CONFLICT ("idempotencyKey") DO NOTHING
RETURNING id
