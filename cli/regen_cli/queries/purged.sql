-- When a job was purged, by whom, and the digest of its line in the export; no row where it was not.
SELECT "purgedAt", "purgedBy", "exportSha256" FROM public."PurgedJob" WHERE "jobId" = %(job_id)s
