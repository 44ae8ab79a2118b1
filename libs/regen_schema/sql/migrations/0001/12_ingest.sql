-- Inserts a PENDING row for a custom resource. A row with the same key and an equal instruction is existing; with another
-- instruction the call is refused. p_id is the id of a new row only.
CREATE FUNCTION public.regen_ingest_v1(
    p_id text, p_instruction jsonb, p_priority integer, p_requested_by text, p_idempotency_key text, p_retry_of text
) RETURNS TABLE (id text, outcome text, status public."RegenerationJobStatus")
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $regen$
#variable_conflict use_column
BEGIN
    PERFORM public.regen_begin_v1();
    RETURN QUERY
    INSERT INTO public."RegenerationJob" AS j
        (id, "instructionJson", priority, "requestedBy", "idempotencyKey", "retryOf")
    VALUES (p_id, p_instruction, coalesce(p_priority, 0), p_requested_by, p_idempotency_key, p_retry_of)
    ON CONFLICT DO NOTHING
    RETURNING j.id::text, 'created', j.status;
    IF FOUND THEN
        RETURN;
    END IF;
    -- A new statement sees the conflicting row, which is committed by now.
    RETURN QUERY
    SELECT j.id::text, CASE WHEN j."instructionJson" = p_instruction
                             AND j."idempotencyKey" IS NOT DISTINCT FROM p_idempotency_key
                            THEN 'existing' ELSE 'refused' END, j.status
    FROM public."RegenerationJob" j
    WHERE j."idempotencyKey" = p_idempotency_key OR j.id = p_id
    ORDER BY j."idempotencyKey" IS NOT DISTINCT FROM p_idempotency_key DESC LIMIT 1;
END
$regen$;
