-- The moment so many seconds ago, by the database's clock (UTC).
SELECT ((now() AT TIME ZONE 'UTC') - make_interval(secs => %(seconds)s))::timestamp(3)
