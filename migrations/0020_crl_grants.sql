-- Why: a list is evidence of what was known when: it is added, read, and never changed or removed.

REVOKE ALL ON crls FROM PUBLIC;
--> statement-breakpoint
GRANT SELECT, INSERT ON crls TO kaibiao_app;
