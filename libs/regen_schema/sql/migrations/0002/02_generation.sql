-- Which job regenerates which plan; written with the job's row, in one transaction, and never changed. A plan's state is read
-- from its jobs through here. No foreign key to "Plan": the application may delete a plan, what was made of it stays.
-- "overrides" is what the request asked for, by which a repeat of an idempotent request is known: the instruction also holds
-- the plan as it was, which may have changed since. NULL where an admin repeats a job of the plan.
CREATE TABLE public."PlanGeneration" (
    "jobId" text NOT NULL,
    "planId" text NOT NULL,
    overrides jsonb,
    "createdAt" timestamp(3) without time zone NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    CONSTRAINT "PlanGeneration_pkey" PRIMARY KEY ("jobId"),
    CONSTRAINT "PlanGeneration_jobId_fkey" FOREIGN KEY ("jobId") REFERENCES public."RegenerationJob" (id)
);

-- The plan's latest job first.
CREATE INDEX "PlanGeneration_planId_idx" ON public."PlanGeneration" ("planId", "createdAt", "jobId");

-- Failed jobs are few among the ended, and a list of them must not read through all others.
CREATE INDEX "RegenerationJob_failed_idx" ON public."RegenerationJob" ("createdAt", id) WHERE status = 'FAILED';

CREATE TRIGGER regen_guard_forbidden BEFORE UPDATE OR DELETE OR TRUNCATE ON public."PlanGeneration"
    FOR EACH STATEMENT EXECUTE FUNCTION public.regen_guard_forbidden();
ALTER TABLE public."PlanGeneration" ENABLE ALWAYS TRIGGER regen_guard_forbidden;
