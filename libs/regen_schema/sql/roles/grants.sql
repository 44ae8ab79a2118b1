-- Who may do what (contract section 2). Applied by every migration run; @role@ stands for the quoted role.

GRANT USAGE ON SCHEMA public TO @api@, @operator@, @runner@, @readonly@;

REVOKE ALL ON public."RegenerationJob", public."RegenerationRun", public."RegenerationOutput", public."AuditEvent",
    public."RegenerationLifecycle", public."PlanGeneration", public."PurgedJob", public.regen_alembic_version
    FROM PUBLIC, @api@, @operator@, @runner@, @readonly@;

GRANT SELECT ON public."RegenerationJob", public."RegenerationOutput", public."AuditEvent", public."PurgedJob",
    public.regen_alembic_version
    TO @api@, @operator@, @readonly@;
-- Whoever knows the nonce can end the job, so nobody reads it.
GRANT SELECT ("jobId", "podUid", "podName", "startedAt") ON public."RegenerationRun" TO @api@, @operator@, @readonly@;
-- The columns of a request; status, lockedAt and the rest cannot even be named.
GRANT INSERT (id, "instructionJson", priority, "requestedBy", "idempotencyKey", "retryOf")
    ON public."RegenerationJob" TO @api@;

GRANT SELECT ON public."PlanGeneration" TO @api@, @readonly@;
GRANT INSERT ("jobId", "planId", overrides) ON public."PlanGeneration" TO @api@;
-- The named columns of "User" and "Plan", which may be the application's: database/adopt_plans.py.

-- Every function of ours is for nobody until it is granted below.
DO $regen$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p
             WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'regen\_%' AND p.prokind = 'f'
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC, @api@, @operator@, @runner@, @readonly@', f);
    END LOOP;
END
$regen$;

GRANT EXECUTE ON FUNCTION
    public.regen_ingest_v1(text, jsonb, integer, text, text, text),
    public.regen_claim_v1(integer, integer, jsonb, integer, text[]),
    public.regen_fail_v1(jsonb),
    public.regen_audit_repair_v1(integer, timestamp)
    TO @operator@;
GRANT EXECUTE ON FUNCTION
    public.regen_start_v1(text, text, text, text),
    public.regen_complete_v1(text, text, text, jsonb),
    public.regen_fail_run_v1(text, text, jsonb)
    TO @runner@;
