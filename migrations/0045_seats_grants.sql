-- Why: a seat is of the moment: pages take, leave and lose it, and nothing on a log is decided by it.

REVOKE ALL ON seats FROM PUBLIC;
--> statement-breakpoint
GRANT SELECT, INSERT, DELETE ON seats TO kaibiao_app;
--> statement-breakpoint
GRANT UPDATE (session_id, taken_at, left_at) ON seats TO kaibiao_app;
