-- "RegenerationJob": adds the columns that the application's table lacks, in one ALTER, so that the table is rewritten once.
-- IF NOT EXISTS keeps existing columns; adoption.py has refused any of another type.
ALTER TABLE public."RegenerationJob"
    ADD COLUMN IF NOT EXISTS "outputRef" text,
    ADD COLUMN IF NOT EXISTS "errorJson" jsonb,
    ADD COLUMN IF NOT EXISTS "lockedAt" timestamp(3) without time zone,
    ADD COLUMN IF NOT EXISTS "completedAt" timestamp(3) without time zone,
    ADD COLUMN IF NOT EXISTS "createdAt" timestamp(3) without time zone NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    ADD COLUMN IF NOT EXISTS type text GENERATED ALWAYS AS ("instructionJson" ->> 'type') STORED,
    ADD COLUMN IF NOT EXISTS priority integer NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS "requestedBy" text,
    ADD COLUMN IF NOT EXISTS "idempotencyKey" text,
    ADD COLUMN IF NOT EXISTS "retryOf" text;

ALTER TABLE public."RegenerationJob"
    ALTER COLUMN status SET DEFAULT 'PENDING',
    ALTER COLUMN "createdAt" SET DEFAULT (now() AT TIME ZONE 'UTC'),
    -- Leaves room on the page for a row's two transitions.
    SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

-- NOT VALID: older rows can violate it; rows written from now on are checked.
ALTER TABLE public."RegenerationJob"
    ADD CONSTRAINT "RegenerationJob_state_check" CHECK (
        CASE status
            WHEN 'PENDING' THEN
                "lockedAt" IS NULL AND "completedAt" IS NULL AND "outputRef" IS NULL AND "errorJson" IS NULL
            WHEN 'RUNNING' THEN
                "lockedAt" IS NOT NULL AND "completedAt" IS NULL AND "outputRef" IS NULL AND "errorJson" IS NULL
            WHEN 'COMPLETED' THEN
                "lockedAt" IS NOT NULL AND "completedAt" IS NOT NULL AND "outputRef" IS NOT NULL AND "errorJson" IS NULL
            WHEN 'FAILED' THEN
                "lockedAt" IS NOT NULL AND "completedAt" IS NOT NULL AND "outputRef" IS NULL AND "errorJson" IS NOT NULL
        END
    ) NOT VALID;

CREATE UNIQUE INDEX "RegenerationJob_idempotencyKey_key" ON public."RegenerationJob" ("idempotencyKey");

-- The queue in its order: the claim without caps, and the list of what waits.
CREATE INDEX "RegenerationJob_queue_idx" ON public."RegenerationJob" (priority DESC, "createdAt", id)
    WHERE status = 'PENDING';

-- The queue of each (type, requester): the claim with caps skips from group to group.
CREATE INDEX "RegenerationJob_group_idx"
    ON public."RegenerationJob" (type, "requestedBy", priority DESC, "createdAt", id)
    WHERE status = 'PENDING';

-- RUNNING jobs: the claim counts them, the sweep reads them by age.
CREATE INDEX "RegenerationJob_running_idx" ON public."RegenerationJob" ("lockedAt") WHERE status = 'RUNNING';

-- Ended jobs: the mirror and the audit repair.
CREATE INDEX "RegenerationJob_ended_idx" ON public."RegenerationJob" ("completedAt", id) WHERE "completedAt" IS NOT NULL;

-- Keyset pages over everything.
CREATE INDEX "RegenerationJob_list_idx" ON public."RegenerationJob" ("createdAt", id);

-- Failed jobs are few among the ended, and a list of them must not read all others.
CREATE INDEX "RegenerationJob_failed_idx" ON public."RegenerationJob" ("createdAt", id) WHERE status = 'FAILED';

-- The retries of a job, oldest first. Retries are few, so the index is small, and "retryOf" never changes.
CREATE INDEX "RegenerationJob_retryOf_idx" ON public."RegenerationJob" ("retryOf", "createdAt", id)
    WHERE "retryOf" IS NOT NULL;

-- PENDING jobs of another instruction version, which the claim fails. Almost always empty, so inserts and transitions pay only for
-- the predicate.
CREATE INDEX "RegenerationJob_version_idx" ON public."RegenerationJob" (id)
    WHERE status = 'PENDING' AND coalesce("instructionJson" -> 'version' = '1', false) IS FALSE;
