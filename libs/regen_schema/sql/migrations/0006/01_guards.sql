-- Refuses any insert that is not a clean PENDING, and values that no part of regen could carry: since this version also times,
-- numbers and depths that are valid in PostgreSQL and that no client in Python can read. Only an instruction long enough to hold
-- such a number or depth is looked through.
CREATE OR REPLACE FUNCTION public.regen_guard_job_insert() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $regen$
DECLARE
    v_bytes CONSTANT integer := octet_length(NEW."instructionJson"::text);
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
        WHEN v_bytes > 400 AND jsonb_path_exists(NEW."instructionJson", '$.**{200}')
            -- as many as libs/regen_core/instruction.py says in LEVELS
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
