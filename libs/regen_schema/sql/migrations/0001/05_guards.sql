-- What nobody may do, the owner included (rules R1, R4, R5, R6). Every guard is ENABLE ALWAYS: a plain trigger is
-- bypassed by session_replication_role. The SQLSTATEs are named in regen_schema/sqlstates.py.

-- Refuses any insert that is not a clean PENDING, and values that no part of regen could carry.
CREATE FUNCTION public.regen_guard_job_insert() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $regen$
DECLARE
    v_fault text;
BEGIN
    v_fault := CASE
        WHEN NEW.status IS DISTINCT FROM 'PENDING' THEN format('status: expected PENDING, got %s', NEW.status)
        WHEN NEW."lockedAt" IS NOT NULL THEN 'lockedAt: expected none at insert'
        WHEN NEW."completedAt" IS NOT NULL THEN 'completedAt: expected none at insert'
        WHEN NEW."outputRef" IS NOT NULL THEN 'outputRef: expected none at insert'
        WHEN NEW."errorJson" IS NOT NULL THEN 'errorJson: expected none at insert'
        -- The id is a path segment of every output (contract section 4).
        WHEN NEW.id IN ('', '.', '..') OR length(NEW.id) > 200 OR NEW.id ~ '[/\\\x01-\x1f\x7f]'
            THEN 'id: expected 1 to 200 characters without slashes and control characters'
        WHEN NEW."instructionJson" IS NULL THEN 'instructionJson: expected a JSON object, got NULL'
        WHEN NOT isfinite(NEW."createdAt") THEN 'createdAt: expected a finite time'
        -- These are index keys, and a B-tree entry has room for some 2,700 bytes.
        WHEN octet_length(NEW."instructionJson" ->> 'type') > 500
            THEN 'instructionJson.type: expected at most 500 bytes'
        WHEN octet_length(NEW."requestedBy") > 1000 THEN 'requestedBy: expected at most 1000 bytes'
        WHEN octet_length(NEW."idempotencyKey") > 1000 THEN 'idempotencyKey: expected at most 1000 bytes'
    END;
    IF v_fault IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'RG002', TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA,
            MESSAGE = format('regeneration job %s is refused: %s', NEW.id, v_fault);
    END IF;
    RETURN NEW;
END
$regen$;

-- Lets through PENDING -> RUNNING -> COMPLETED | FAILED with the columns that belong to each step, and nothing else.
-- "type" follows from instructionJson and is not yet computed in a BEFORE trigger.
CREATE FUNCTION public.regen_guard_job_update() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
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

-- Refuses what a table does not know: DELETE and TRUNCATE anywhere, UPDATE where rows are inserted and never touched.
CREATE FUNCTION public.regen_guard_forbidden() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $regen$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'RG004', TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA,
        MESSAGE = format('%s on "%s" is refused: its rows are kept as they are', TG_OP, TG_TABLE_NAME);
END
$regen$;

CREATE TRIGGER regen_guard_insert BEFORE INSERT ON public."RegenerationJob"
    FOR EACH ROW EXECUTE FUNCTION public.regen_guard_job_insert();
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

ALTER TABLE public."RegenerationJob" ENABLE ALWAYS TRIGGER regen_guard_insert;
ALTER TABLE public."RegenerationJob" ENABLE ALWAYS TRIGGER regen_guard_update;
ALTER TABLE public."RegenerationJob" ENABLE ALWAYS TRIGGER regen_guard_forbidden;
ALTER TABLE public."RegenerationRun" ENABLE ALWAYS TRIGGER regen_guard_forbidden;
ALTER TABLE public."RegenerationOutput" ENABLE ALWAYS TRIGGER regen_guard_forbidden;
ALTER TABLE public."AuditEvent" ENABLE ALWAYS TRIGGER regen_guard_forbidden;
