-- Makes the row of a custom resource that someone applied, or finds the one it made before.
SELECT id, outcome
FROM public.regen_ingest_v1(%(id)s, %(instruction)s, %(priority)s, %(requested_by)s, %(key)s, %(retry_of)s)
