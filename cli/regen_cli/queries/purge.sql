-- Deletes the rows of the given jobs, which were exported, and records each.
SELECT id, outcome FROM public.regen_purge_v1(%(jobs)s, %(before)s)
