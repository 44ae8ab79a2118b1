-- Whether another transaction holds the lock of the claim.
SELECT public.regen_claim_held_v1()
