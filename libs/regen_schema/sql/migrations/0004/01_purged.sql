-- Which jobs were purged: insert-only, one row per job, written in the transaction that deletes the job's rows. What is kept of
-- a job is what must never happen again (its id, its idempotency key) and what finds its export and its objects.
-- "exportSha256" is over the job's line in the export, without its end; "lastHash" is the last hash of its audit chain.
CREATE TABLE public."PurgedJob" (
    "jobId" text NOT NULL,
    type text,
    status public."RegenerationJobStatus" NOT NULL,
    "idempotencyKey" text,
    "completedAt" timestamp(3) without time zone NOT NULL,
    "outputRef" text,
    "exportSha256" text NOT NULL,
    "lastHash" text,
    "purgedBy" text NOT NULL,
    "purgedAt" timestamp(3) without time zone NOT NULL,
    CONSTRAINT "PurgedJob_pkey" PRIMARY KEY ("jobId"),
    CONSTRAINT "PurgedJob_idempotencyKey_key" UNIQUE ("idempotencyKey"),
    CONSTRAINT "PurgedJob_exportSha256_check" CHECK ("exportSha256" ~ '^[0-9a-f]{64}$')
);

CREATE TRIGGER regen_guard_forbidden BEFORE UPDATE OR DELETE OR TRUNCATE ON public."PurgedJob"
    FOR EACH STATEMENT EXECUTE FUNCTION public.regen_guard_forbidden();
ALTER TABLE public."PurgedJob" ENABLE ALWAYS TRIGGER regen_guard_forbidden;
