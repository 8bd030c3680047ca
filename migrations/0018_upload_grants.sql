-- Why: whose upload it is, of what, and until when it counts, is said once; only how far it has come changes.

REVOKE ALL ON uploads FROM PUBLIC;
--> statement-breakpoint
GRANT SELECT, INSERT, DELETE ON uploads TO kaibiao_app;
--> statement-breakpoint
GRANT UPDATE (received_bytes, expires_at, ended, ended_at, refusal, holder, held_until) ON uploads TO kaibiao_app;
