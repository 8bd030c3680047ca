-- Why: it is of the moment: the leader writes it anew whenever it changes, and nothing is decided by it.

REVOKE ALL ON cosigner_standings FROM PUBLIC;
--> statement-breakpoint
GRANT SELECT, INSERT ON cosigner_standings TO kaibiao_app;
--> statement-breakpoint
GRANT UPDATE (state, since) ON cosigner_standings TO kaibiao_app;
