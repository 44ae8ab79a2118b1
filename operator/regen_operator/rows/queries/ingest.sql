-- Creates the row of a user-created resource, or finds the row that it created before.
SELECT id, outcome
FROM public.regen_ingest_v1(%(id)s::text, %(instruction)s::jsonb, %(priority)s::integer, %(requested_by)s::text, %(key)s::text,
                            %(retry_of)s::text)
