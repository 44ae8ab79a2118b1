-- Fails a batch of RUNNING jobs, each under the condition that the operator relies on.
SELECT id, outcome FROM public.regen_fail_v1(%(failures)s::jsonb)
