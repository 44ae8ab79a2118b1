-- Settings by which a crash of the server may take back a commit that it acknowledged: the setting, and for whom it is off.
-- synchronous_commit as this login has it, and as the server starts another of our sessions with it; a login's own setting
-- wins over the database's, and both over the server's.
SELECT 'fsync', 'the server' WHERE current_setting('fsync') = 'off'
UNION ALL
SELECT 'full_page_writes', 'the server' WHERE current_setting('full_page_writes') = 'off'
UNION ALL
SELECT 'synchronous_commit', 'this login' WHERE current_setting('synchronous_commit') = 'off'
UNION ALL
SELECT DISTINCT 'synchronous_commit', coalesce('login ' || r.rolname, 'every login that has no setting of its own')
FROM pg_catalog.pg_db_role_setting s
LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
CROSS JOIN LATERAL unnest(s.setconfig) AS one (setting)
WHERE s.setdatabase IN (0, (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()))
  AND split_part(one.setting, '=', 1) = 'synchronous_commit'
  AND lower(split_part(one.setting, '=', 2)) IN ('off', 'false', 'no', '0')
ORDER BY 1, 2
