-- Objects of other roles that could stand in for ours: operators, casts and functions on our types, and functions with our names.
-- No name of ours resolves in public, so they are not called; they are left from an attack, or prepare one. Objects of extensions
-- and of superusers are excluded.
WITH ours AS (
    SELECT t.oid FROM pg_catalog.pg_type t
    WHERE t.typnamespace = 'public'::pg_catalog.regnamespace
      AND (t.typname = 'RegenerationJobStatus' OR t.typrelid IN (
          SELECT c.oid FROM pg_catalog.pg_class c
          WHERE c.relnamespace = 'public'::pg_catalog.regnamespace AND c.relname = ANY (%(tables)s)))
), types AS (
    SELECT oid FROM ours UNION ALL SELECT t.typarray FROM pg_catalog.pg_type t JOIN ours USING (oid) WHERE t.typarray <> 0
), found (kind, name, owner, classid, oid) AS (
    SELECT 'operator', o.oid::pg_catalog.regoperator::text, o.oprowner, 'pg_catalog.pg_operator'::pg_catalog.regclass, o.oid
    FROM pg_catalog.pg_operator o
    WHERE o.oprleft IN (SELECT oid FROM types) OR o.oprright IN (SELECT oid FROM types)
    UNION ALL
    SELECT 'cast', pg_catalog.format('%%s AS %%s', c.castsource::pg_catalog.regtype, c.casttarget::pg_catalog.regtype),
           coalesce(p.proowner, 0), 'pg_catalog.pg_cast'::pg_catalog.regclass, c.oid
    FROM pg_catalog.pg_cast c LEFT JOIN pg_catalog.pg_proc p ON p.oid = c.castfunc
    WHERE c.castsource IN (SELECT oid FROM types) OR c.casttarget IN (SELECT oid FROM types)
    UNION ALL
    SELECT 'function', p.oid::pg_catalog.regprocedure::text, p.proowner, 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid
    FROM pg_catalog.pg_proc p
    WHERE p.proargtypes::oid[] && ARRAY(SELECT oid FROM types) OR p.prorettype IN (SELECT oid FROM types)
    UNION ALL
    SELECT 'function', p.oid::pg_catalog.regprocedure::text, p.proowner, 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid
    FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'public'::pg_catalog.regnamespace AND pg_catalog.starts_with(p.proname::text, 'regen_')
)
SELECT DISTINCT f.kind, f.name, coalesce(r.rolname::text, 'unknown')
FROM found f LEFT JOIN pg_catalog.pg_roles r ON r.oid = f.owner
WHERE r.rolname IS DISTINCT FROM %(owner)s
  AND NOT coalesce(r.rolsuper, false)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = f.classid AND d.objid = f.oid AND d.deptype = 'e')
ORDER BY 1, 2
