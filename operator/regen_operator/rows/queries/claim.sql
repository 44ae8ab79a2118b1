-- Claims PENDING jobs within the caps. Jobs that cannot run are returned as FAILED. The casts name the one function exactly:
-- without them, a function of another role with closer argument types would be called.
SELECT id, type, status::text AS status, priority, "requestedBy" AS requested_by, "retryOf" AS retry_of,
       "idempotencyKey" AS idempotency_key, "createdAt" AS created_at, "lockedAt" AS locked_at, "errorJson" AS error
FROM public.regen_claim_v1(%(batch)s::integer, %(cap_total)s::integer, %(cap_types)s::jsonb, %(cap_requester)s::integer,
                           %(types)s::text[])
