-- What no one can do, the owner included (R1, R4, R5, R6). Every guard is ENABLE ALWAYS: session_replication_role bypasses
-- plain triggers. The SQLSTATEs are named in regen_schema/sqlstates.py.

-- The longest instructionJson, in bytes of JSON text. Every inserting role executes it.
CREATE FUNCTION public.regen_max_instruction_bytes() RETURNS integer
LANGUAGE sql IMMUTABLE
RETURN 1048576;

-- Refuses any insert that is not a clean PENDING, and values that a program of regen could not read or store: times, numbers and
-- depths that PostgreSQL accepts and Python does not, and instructions over the limit, which `regen migrate` writes into
-- regen_max_instruction_bytes. Only instructions long enough to contain such a number or depth are searched for one.
CREATE FUNCTION public.regen_guard_job_insert() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $regen$
DECLARE
    v_bytes CONSTANT integer := octet_length(NEW."instructionJson"::text);
    v_limit CONSTANT integer := public.regen_max_instruction_bytes();
    v_fault text;
BEGIN
    v_fault := CASE
        WHEN NEW.status IS DISTINCT FROM 'PENDING' THEN format('status: expected PENDING, got %s', NEW.status)
        WHEN NEW."lockedAt" IS NOT NULL THEN 'lockedAt: expected none at insert'
        WHEN NEW."completedAt" IS NOT NULL THEN 'completedAt: expected none at insert'
        WHEN NEW."outputRef" IS NOT NULL THEN 'outputRef: expected none at insert'
        WHEN NEW."errorJson" IS NOT NULL THEN 'errorJson: expected none at insert'
        -- The id is a path segment of every output.
        WHEN NEW.id IN ('', '.', '..') OR length(NEW.id) > 200 OR NEW.id ~ '[/\\\x01-\x1f\x7f]'
            THEN 'id: expected 1 to 200 characters without slashes and control characters'
        WHEN NEW."instructionJson" IS NULL THEN 'instructionJson: expected a JSON object, got NULL'
        WHEN v_bytes > v_limit
            THEN format('instructionJson: expected at most %s bytes of JSON text, got %s', v_limit, v_bytes)
        WHEN v_bytes > 400 AND jsonb_path_exists(NEW."instructionJson", '$.**{200}')
            -- LEVELS in libs/regen_core/instruction.py has the same number
            THEN 'instructionJson: expected fewer than 200 levels of arrays and objects'
        -- The largest double: RFC 8785 has no number beyond it, and readers take one with a fraction for infinity.
        WHEN v_bytes > 308 AND jsonb_path_exists(NEW."instructionJson",
            '$.** ? (@.type() == "number" && (@ > 1.7976931348623157e308 || @ < -1.7976931348623157e308))')
            THEN 'instructionJson: expected numbers up to 1.7976931348623157e308, the largest double'
        -- An adopted column may lack NOT NULL. Infinity is out of the range too.
        WHEN NEW."createdAt" IS NULL OR NEW."createdAt" < '1970-01-01' OR NEW."createdAt" >= '9999-01-01'
            THEN format('createdAt: expected a time from 1970-01-01 to 9998-12-31, got %s', coalesce(NEW."createdAt"::text, 'NULL'))
        -- These are index keys, and a B-tree entry has room for some 2,700 bytes.
        WHEN octet_length(NEW."instructionJson" ->> 'type') > 500
            THEN 'instructionJson.type: expected at most 500 bytes'
        WHEN octet_length(NEW."requestedBy") > 1000 THEN 'requestedBy: expected at most 1000 bytes'
        WHEN octet_length(NEW."idempotencyKey") > 1000 THEN 'idempotencyKey: expected at most 1000 bytes'
        -- regen_ingest_v1 inserts as the owner. Anyone else could take a custom resource's key and become its row.
        WHEN NEW."idempotencyKey" LIKE 'cr:%'
            AND current_user <> (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = TG_RELID)
            THEN 'idempotencyKey: expected no prefix cr:, which is reserved for custom resources'
        WHEN length(NEW."retryOf") > 200 THEN 'retryOf: expected at most 200 characters, as many as an id may have'
    END;
    IF v_fault IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'RG002', TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA,
            MESSAGE = format('regeneration job %s is refused: %s', NEW.id, v_fault);
    END IF;
    RETURN NEW;
END
$regen$;

-- Allows PENDING -> RUNNING -> COMPLETED | FAILED with the columns of each step, and nothing else.
-- Compares instructionJson, not "type": a generated column is not yet computed in a BEFORE trigger.
CREATE FUNCTION public.regen_guard_job_update() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $regen$
DECLARE
    v_column text;
BEGIN
    v_column := CASE
        WHEN NEW.id IS DISTINCT FROM OLD.id THEN 'id'
        -- As text too: 1 and 1.0 are equal as jsonb.
        WHEN NEW."instructionJson" IS DISTINCT FROM OLD."instructionJson"
            OR NEW."instructionJson"::text IS DISTINCT FROM OLD."instructionJson"::text THEN 'instructionJson'
        WHEN NEW.priority IS DISTINCT FROM OLD.priority THEN 'priority'
        WHEN NEW."requestedBy" IS DISTINCT FROM OLD."requestedBy" THEN 'requestedBy'
        WHEN NEW."idempotencyKey" IS DISTINCT FROM OLD."idempotencyKey" THEN 'idempotencyKey'
        WHEN NEW."retryOf" IS DISTINCT FROM OLD."retryOf" THEN 'retryOf'
        WHEN NEW."createdAt" IS DISTINCT FROM OLD."createdAt" THEN 'createdAt'
    END;
    IF v_column IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'RG003', TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA, COLUMN = v_column,
            MESSAGE = format('regeneration job %s: %s never changes after the insert', OLD.id, v_column);
    END IF;
    IF (OLD.status = 'PENDING' AND NEW.status = 'RUNNING')
        OR (OLD.status = 'RUNNING' AND NEW.status IN ('COMPLETED', 'FAILED')
            AND NEW."lockedAt" IS NOT DISTINCT FROM OLD."lockedAt")
    THEN
        RETURN NEW; -- which columns a status has is the table's CHECK
    END IF;
    IF NEW.status = OLD.status AND OLD.status IN ('PENDING', 'RUNNING')
        AND NEW."lockedAt" IS NOT DISTINCT FROM OLD."lockedAt"
        AND NEW."completedAt" IS NOT DISTINCT FROM OLD."completedAt"
        AND NEW."outputRef" IS NOT DISTINCT FROM OLD."outputRef"
        AND NEW."errorJson" IS NOT DISTINCT FROM OLD."errorJson"
    THEN
        RETURN NEW; -- nothing changed
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'RG001', TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA,
        MESSAGE = CASE
            WHEN OLD.status IN ('COMPLETED', 'FAILED')
                THEN format('regeneration job %s is %s and never changes again', OLD.id, OLD.status)
            WHEN NEW.status IS DISTINCT FROM OLD.status
                THEN format('regeneration job %s: expected PENDING -> RUNNING -> COMPLETED | FAILED, got %s -> %s',
                            OLD.id, OLD.status, NEW.status)
            ELSE format('regeneration job %s: its columns change together with its status, and only then', OLD.id)
        END;
END
$regen$;

-- Refuses DELETE and TRUNCATE on every table, and UPDATE on insert-only ones. The one exception is the DELETE of regen_purge_v1,
-- which sets this transaction's id as the owner. A role that could forge that could as well drop this trigger. Records of purged
-- jobs are never deleted.
CREATE FUNCTION public.regen_guard_forbidden() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $regen$
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME <> 'PurgedJob'
        AND current_setting('regen.purge', true) = pg_current_xact_id_if_assigned()::text
        AND current_user = (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = TG_RELID)
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'RG004', TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA,
        MESSAGE = format('%s on "%s" is refused: its rows are kept as they are', TG_OP, TG_TABLE_NAME);
END
$regen$;

-- Refuses a job with the id or idempotency key of a purged one: a job that ran does not run again because its rows were deleted.
-- AFTER the insert, which waits for a concurrent purge of the same id.
CREATE FUNCTION public.regen_guard_purged() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $regen$
DECLARE
    v_found record;
BEGIN
    SELECT p."jobId", p."purgedAt" INTO v_found
    FROM public."PurgedJob" p WHERE p."jobId" = NEW.id OR p."idempotencyKey" = NEW."idempotencyKey" LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'RG002', TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA,
            MESSAGE = format('regeneration job %s is refused: its id or its idempotency key is that of job %s, which was purged '
                             'at %s', NEW.id, v_found."jobId", to_char(v_found."purgedAt", 'YYYY-MM-DD"T"HH24:MI:SS"Z"'));
    END IF;
    RETURN NULL;
END
$regen$;

CREATE TRIGGER regen_guard_insert BEFORE INSERT ON public."RegenerationJob"
    FOR EACH ROW EXECUTE FUNCTION public.regen_guard_job_insert();
CREATE TRIGGER regen_guard_purged AFTER INSERT ON public."RegenerationJob"
    FOR EACH ROW EXECUTE FUNCTION public.regen_guard_purged();
CREATE TRIGGER regen_guard_update BEFORE UPDATE ON public."RegenerationJob"
    FOR EACH ROW EXECUTE FUNCTION public.regen_guard_job_update();
CREATE TRIGGER regen_guard_forbidden BEFORE DELETE OR TRUNCATE ON public."RegenerationJob"
    FOR EACH STATEMENT EXECUTE FUNCTION public.regen_guard_forbidden();
CREATE TRIGGER regen_guard_forbidden BEFORE UPDATE OR DELETE OR TRUNCATE ON public."RegenerationRun"
    FOR EACH STATEMENT EXECUTE FUNCTION public.regen_guard_forbidden();
CREATE TRIGGER regen_guard_forbidden BEFORE UPDATE OR DELETE OR TRUNCATE ON public."RegenerationOutput"
    FOR EACH STATEMENT EXECUTE FUNCTION public.regen_guard_forbidden();
CREATE TRIGGER regen_guard_forbidden BEFORE UPDATE OR DELETE OR TRUNCATE ON public."AuditEvent"
    FOR EACH STATEMENT EXECUTE FUNCTION public.regen_guard_forbidden();
CREATE TRIGGER regen_guard_forbidden BEFORE UPDATE OR DELETE OR TRUNCATE ON public."PlanGeneration"
    FOR EACH STATEMENT EXECUTE FUNCTION public.regen_guard_forbidden();
CREATE TRIGGER regen_guard_forbidden BEFORE UPDATE OR DELETE OR TRUNCATE ON public."PurgedJob"
    FOR EACH STATEMENT EXECUTE FUNCTION public.regen_guard_forbidden();
CREATE TRIGGER regen_guard_forbidden BEFORE UPDATE OR DELETE OR TRUNCATE ON public."RegenerationLock"
    FOR EACH STATEMENT EXECUTE FUNCTION public.regen_guard_forbidden();

ALTER TABLE public."RegenerationJob" ENABLE ALWAYS TRIGGER regen_guard_insert;
ALTER TABLE public."RegenerationJob" ENABLE ALWAYS TRIGGER regen_guard_purged;
ALTER TABLE public."RegenerationJob" ENABLE ALWAYS TRIGGER regen_guard_update;
ALTER TABLE public."RegenerationJob" ENABLE ALWAYS TRIGGER regen_guard_forbidden;
ALTER TABLE public."RegenerationRun" ENABLE ALWAYS TRIGGER regen_guard_forbidden;
ALTER TABLE public."RegenerationOutput" ENABLE ALWAYS TRIGGER regen_guard_forbidden;
ALTER TABLE public."AuditEvent" ENABLE ALWAYS TRIGGER regen_guard_forbidden;
ALTER TABLE public."PlanGeneration" ENABLE ALWAYS TRIGGER regen_guard_forbidden;
ALTER TABLE public."PurgedJob" ENABLE ALWAYS TRIGGER regen_guard_forbidden;
ALTER TABLE public."RegenerationLock" ENABLE ALWAYS TRIGGER regen_guard_forbidden;
