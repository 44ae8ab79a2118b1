-- Logins that can create in schema public, or drop objects there although they do not own them; superusers and regen's owner aside.
WITH login AS (
    SELECT oid, rolname::text AS name, rolconnlimit FROM pg_catalog.pg_roles
    WHERE rolcanlogin AND NOT rolsuper AND NOT pg_catalog.pg_has_role(oid, %(owner)s, 'MEMBER')
), schema AS (
    SELECT n.nspowner, d.datdba FROM pg_catalog.pg_namespace n, pg_catalog.pg_database d
    WHERE n.nspname = 'public' AND d.datname = pg_catalog.current_database()
)
SELECT l.name, 'can drop every object in schema public, guards and audit trail included, as the owner of the schema'
FROM login l, schema s WHERE pg_catalog.pg_has_role(l.oid, s.nspowner, 'MEMBER')
UNION ALL
SELECT l.name, 'can drop the database, as its owner'
FROM login l, schema s WHERE pg_catalog.pg_has_role(l.oid, s.datdba, 'MEMBER')
UNION ALL
SELECT l.name, 'can create objects in schema public'
FROM login l WHERE pg_catalog.has_schema_privilege(l.oid, 'public', 'CREATE')
UNION ALL
SELECT l.name, 'has no connection limit, and can use up the server''s connections (ALTER ROLE … CONNECTION LIMIT)'
FROM login l
WHERE l.rolconnlimit < 0 AND EXISTS (
    SELECT FROM unnest(%(roles)s::text[]) AS o (role) WHERE pg_catalog.pg_has_role(l.oid, o.role, 'MEMBER'))
ORDER BY 1, 2
