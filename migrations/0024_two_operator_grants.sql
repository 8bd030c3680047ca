-- Why: a change of trust is evidence and never altered; of a proposal only its end is written, once.

REVOKE ALL ON trust_changes, trust_proposals FROM PUBLIC;
--> statement-breakpoint
GRANT SELECT, INSERT ON trust_changes, trust_proposals TO kaibiao_app;
--> statement-breakpoint
GRANT UPDATE (outcome, closed_seq, closed_command) ON trust_proposals TO kaibiao_app;
