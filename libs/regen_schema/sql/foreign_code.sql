-- Functions that somebody else can rewrite and that run whenever a row of one of the tables is written, read or analyzed, with
-- the rights of whoever does it, the tables' owner first: called by constraints, defaults, generated columns, indexes, policies,
-- statistics and the columns' domains, directly or by way of an operator. Triggers and rules are looked for elsewhere.
-- A superuser's functions, as those of extensions are, give nobody what he has not; the owner's are ours.
WITH RECURSIVE of AS (
    SELECT oid, relname FROM pg_catalog.pg_class
    WHERE relnamespace = 'public'::pg_catalog.regnamespace AND relkind = 'r' AND relname = ANY (%(tables)s)
), part (relation, name, classid, objid) AS (
    SELECT of.relname, 'constraint ' || c.conname, 'pg_catalog.pg_constraint'::pg_catalog.regclass, c.oid
    FROM pg_catalog.pg_constraint c JOIN of ON of.oid = c.conrelid
    UNION ALL
    SELECT of.relname, 'default of column ' || a.attname, 'pg_catalog.pg_attrdef'::pg_catalog.regclass, d.oid
    FROM pg_catalog.pg_attrdef d JOIN of ON of.oid = d.adrelid
    JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    UNION ALL
    SELECT of.relname, 'type of column ' || a.attname, 'pg_catalog.pg_type'::pg_catalog.regclass, a.atttypid
    FROM pg_catalog.pg_attribute a JOIN of ON of.oid = a.attrelid WHERE a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT of.relname, 'index ' || c.relname, 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid
    FROM pg_catalog.pg_index i JOIN of ON of.oid = i.indrelid JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    UNION ALL
    SELECT of.relname, 'policy ' || p.polname, 'pg_catalog.pg_policy'::pg_catalog.regclass, p.oid
    FROM pg_catalog.pg_policy p JOIN of ON of.oid = p.polrelid
    UNION ALL
    SELECT of.relname, 'statistics ' || s.stxname, 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, s.oid
    FROM pg_catalog.pg_statistic_ext s JOIN of ON of.oid = s.stxrelid
), needs (classid, objid, refclassid, refobjid) AS (
    SELECT classid, objid, refclassid, refobjid FROM pg_catalog.pg_depend
    WHERE refclassid IN ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass,
                         'pg_catalog.pg_type'::pg_catalog.regclass)
    UNION ALL -- a domain does not depend on its constraints; they run all the same
    SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, contypid, 'pg_catalog.pg_constraint'::pg_catalog.regclass, oid
    FROM pg_catalog.pg_constraint WHERE contypid <> 0
), reached (relation, name, classid, objid) AS (
    SELECT relation, name, classid::oid, objid FROM part
    UNION
    SELECT r.relation, r.name, n.refclassid, n.refobjid
    FROM reached r JOIN needs n ON n.classid = r.classid AND n.objid = r.objid
)
SELECT DISTINCT r.relation::text, r.name::text, p.oid::pg_catalog.regprocedure::text
FROM reached r
JOIN pg_catalog.pg_proc p ON r.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = r.objid
JOIN pg_catalog.pg_roles o ON o.oid = p.proowner
WHERE NOT o.rolsuper AND o.rolname <> %(owner)s
ORDER BY 1, 2, 3
