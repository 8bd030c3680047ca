-- Why: a time-stamp is evidence: it is added, read, and never changed or removed.

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON timestamps FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON timestamps FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
REVOKE ALL ON timestamps FROM PUBLIC;
--> statement-breakpoint
GRANT SELECT, INSERT ON timestamps TO kaibiao_app;
