-- Auditing never delays a job for long: where somebody holds the audit table, its triggers wait half a second, the transition
-- stands without its event, and the sweep adds it. Without a limit of their own they waited for the caller's statement timeout,
-- which is no error that they may pass over: the transition was undone.
ALTER FUNCTION public.regen_audit_transitions() SET lock_timeout = '500ms';
ALTER FUNCTION public.regen_audit_fences() SET lock_timeout = '500ms';
