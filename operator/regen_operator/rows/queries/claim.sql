-- Claims PENDING jobs within the caps. Jobs whose type has no executor class are returned FAILED.
SELECT id, type, status::text AS status, priority, "requestedBy" AS requested_by, "retryOf" AS retry_of,
       "idempotencyKey" AS idempotency_key, "createdAt" AS created_at, "lockedAt" AS locked_at, "errorJson" AS error
FROM public.regen_claim_v1(%(batch)s, %(cap_total)s, %(cap_types)s, %(cap_requester)s, %(types)s)
