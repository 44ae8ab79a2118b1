-- Claims waiting jobs within the caps; rows whose type has no executor class come back FAILED.
SELECT id, type, priority, "requestedBy", "retryOf", "idempotencyKey", "createdAt", "lockedAt", status::text, "errorJson"
FROM public.regen_claim_v1(%(batch)s, %(cap_total)s, %(cap_types)s, %(cap_requester)s, %(types)s)
