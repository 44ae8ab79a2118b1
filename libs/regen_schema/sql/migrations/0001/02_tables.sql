-- The insert-only tables (contract section 2). A row here is never changed: guards in 05_guards.sql.

-- The fence: whoever inserted this row, and nobody else, runs the job (rule R3).
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

-- No foreign key: an event must never fail for the sake of another table.
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

-- The chain: a job's last event, and all of them in order.
CREATE INDEX "AuditEvent_jobId_idx" ON public."AuditEvent" ("jobId", id);
