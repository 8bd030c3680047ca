-- Why: evidence is added, read, and never changed or removed.

REVOKE ALL ON evidence FROM PUBLIC;
--> statement-breakpoint
GRANT SELECT, INSERT ON evidence TO kaibiao_app;
