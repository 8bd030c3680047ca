-- Why: the server adds logins and reads them; nothing changes one or takes it away, for disclosures are made whole with them.

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON logins FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON logins FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
GRANT SELECT, INSERT ON logins TO kaibiao_app;
