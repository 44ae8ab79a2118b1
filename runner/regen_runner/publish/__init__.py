"""The publish container: checks and stores the artifacts, then reports the end of the job."""
