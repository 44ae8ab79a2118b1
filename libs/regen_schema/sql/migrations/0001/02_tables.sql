-- Insert-only tables: the guards in 06_guards.sql refuse every change of their rows.

-- The fence: the process that inserted this row, and no other, runs the job (R3).
CREATE TABLE public."RegenerationRun" (
    "jobId" text NOT NULL,
    "podUid" text NOT NULL,
    "podName" text NOT NULL,
    nonce text NOT NULL,
    "startedAt" timestamp(3) without time zone NOT NULL,
    CONSTRAINT "RegenerationRun_pkey" PRIMARY KEY ("jobId"),
    CONSTRAINT "RegenerationRun_jobId_fkey" FOREIGN KEY ("jobId") REFERENCES public."RegenerationJob" (id)
);

CREATE TABLE public."RegenerationOutput" (
    "jobId" text NOT NULL,
    name text NOT NULL,
    ref text NOT NULL,
    sha256 text NOT NULL,
    "sizeBytes" bigint NOT NULL,
    "mediaType" text NOT NULL,
    "createdAt" timestamp(3) without time zone NOT NULL,
    CONSTRAINT "RegenerationOutput_pkey" PRIMARY KEY ("jobId", name),
    CONSTRAINT "RegenerationOutput_ref_key" UNIQUE (ref),
    CONSTRAINT "RegenerationOutput_jobId_fkey" FOREIGN KEY ("jobId") REFERENCES public."RegenerationJob" (id),
    CONSTRAINT "RegenerationOutput_sha256_check" CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    CONSTRAINT "RegenerationOutput_sizeBytes_check" CHECK ("sizeBytes" >= 0)
);

-- No foreign key: an event must never fail because of another table.
CREATE TABLE public."AuditEvent" (
    id bigint GENERATED ALWAYS AS IDENTITY,
    event text NOT NULL,
    "jobId" text NOT NULL,
    status public."RegenerationJobStatus" NOT NULL,
    actor text NOT NULL,
    at timestamp(3) without time zone NOT NULL,
    detail jsonb NOT NULL,
    "prevHash" text,
    hash text NOT NULL,
    CONSTRAINT "AuditEvent_pkey" PRIMARY KEY (id)
);

-- The hash chain: a job's last event, and all of them in order.
CREATE INDEX "AuditEvent_jobId_idx" ON public."AuditEvent" ("jobId", id);

-- Which job regenerates which plan; inserted with the job's row in one transaction. A plan's state is read from its jobs
-- through this table. No foreign key to "Plan": the application can delete a plan, and its outputs stay.
-- "overrides" are those of the request, to recognize a repeated idempotent request: the instruction also contains the plan as
-- it was, which can have changed since. NULL if an admin retries a job of the plan.
CREATE TABLE public."PlanGeneration" (
    "jobId" text NOT NULL,
    "planId" text NOT NULL,
    overrides jsonb,
    "createdAt" timestamp(3) without time zone NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    CONSTRAINT "PlanGeneration_pkey" PRIMARY KEY ("jobId"),
    CONSTRAINT "PlanGeneration_jobId_fkey" FOREIGN KEY ("jobId") REFERENCES public."RegenerationJob" (id)
);

-- A plan's latest job first.
CREATE INDEX "PlanGeneration_planId_idx" ON public."PlanGeneration" ("planId", "createdAt", "jobId");

-- One row per purged job, inserted in the transaction that deletes the job's rows. It keeps what must not be used again (id,
-- idempotency key) and what finds the job's export and objects.
-- "exportSha256" is over the job's line in the export without its newline; "lastHash" is the last hash of its audit chain.
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

-- The locks of the claim (the table) and of NOTIFY (its rows). Only the owner's functions can take them. Any login, a read-only one
-- included, could take an advisory lock and stop every claim.
CREATE TABLE public."RegenerationLock" (
    name text NOT NULL,
    CONSTRAINT "RegenerationLock_pkey" PRIMARY KEY (name)
);
INSERT INTO public."RegenerationLock" (name) VALUES ('insert'), ('transition'), ('fence');
