-- The jobs that try one again, oldest first. Retries are few, so the index is small; a job's "retryOf" never changes, so no
-- transition has to touch it. Building it reads the table once, under the lock that the migration holds in any case.
CREATE INDEX "RegenerationJob_retryOf_idx" ON public."RegenerationJob" ("retryOf", "createdAt", id)
    WHERE "retryOf" IS NOT NULL;
