-- The database's clock; the probe of its availability.
SELECT (now() AT TIME ZONE 'UTC')::timestamp(3)
