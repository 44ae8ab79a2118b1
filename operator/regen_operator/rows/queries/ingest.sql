-- Creates the row of a user-created resource, or finds the row that it created before.
SELECT id, outcome
FROM public.regen_ingest_v1(%(id)s, %(instruction)s, %(priority)s, %(requested_by)s, %(key)s, %(retry_of)s)
