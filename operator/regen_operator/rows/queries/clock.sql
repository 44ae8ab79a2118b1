-- The database's clock, and proof that it answers.
SELECT (now() AT TIME ZONE 'UTC')::timestamp(3)
