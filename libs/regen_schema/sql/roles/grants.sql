-- The grants of regen's roles, applied by every run of `regen migrate`. @role@ stands for the quoted role name.

GRANT USAGE ON SCHEMA public TO @api@, @operator@, @runner@, @readonly@, @retention@;

REVOKE ALL ON public."RegenerationJob", public."RegenerationRun", public."RegenerationOutput", public."AuditEvent",
    public."RegenerationLifecycle", public."PlanGeneration", public."PurgedJob", public."RegenerationLock",
    public.regen_alembic_version
    FROM PUBLIC, @api@, @operator@, @runner@, @readonly@, @retention@;

GRANT SELECT ON public."RegenerationJob", public."RegenerationOutput", public."AuditEvent", public."PurgedJob",
    public.regen_alembic_version
    TO @api@, @operator@, @readonly@, @retention@;
-- No role reads the nonce: it is the right to end the job.
GRANT SELECT ("jobId", "podUid", "podName", "startedAt") ON public."RegenerationRun"
    TO @api@, @operator@, @readonly@, @retention@;
-- The columns of a request. status, lockedAt and the rest cannot be inserted.
GRANT INSERT (id, "instructionJson", priority, "requestedBy", "idempotencyKey", "retryOf")
    ON public."RegenerationJob" TO @api@;

GRANT SELECT ON public."PlanGeneration" TO @api@, @readonly@, @retention@;
GRANT INSERT ("jobId", "planId", overrides) ON public."PlanGeneration" TO @api@;
-- "User" and "Plan" can be the application's: adoption_plans.py grants their columns.

-- No role executes a function that is not granted below. LIKE compares names as text, whatever operators public has.
DO $regen$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p
             WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'regen\_%' AND p.prokind = 'f'
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC, @api@, @operator@, @runner@, @readonly@, @retention@', f);
    END LOOP;
END
$regen$;

GRANT EXECUTE ON FUNCTION
    public.regen_ingest_v1(text, jsonb, integer, text, text, text),
    public.regen_claim_v1(integer, integer, jsonb, integer, text[]),
    public.regen_claim_held_v1(),
    public.regen_fail_v1(jsonb),
    public.regen_audit_repair_v1(integer, timestamp)
    TO @operator@;
GRANT EXECUTE ON FUNCTION
    public.regen_start_v1(text, text, text, text),
    public.regen_complete_v1(text, text, text, jsonb),
    public.regen_fail_run_v1(text, text, jsonb)
    TO @runner@;
GRANT EXECUTE ON FUNCTION public.regen_purge_v1(jsonb, timestamp) TO @retention@;
-- The guard of inserts calls it as the inserting role, which can be the application's.
GRANT EXECUTE ON FUNCTION public.regen_max_instruction_bytes() TO PUBLIC;
