-- Why: what a certificate is asked by again is added and read, and never changed or removed, like the evidence itself.

REVOKE ALL ON stapled_responses FROM PUBLIC;
--> statement-breakpoint
GRANT SELECT, INSERT ON stapled_responses TO kaibiao_app;
