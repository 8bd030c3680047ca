-- Why: the law may one day demand that a disclosure is erased, and with the last one behind which it stands a login goes, too: it names a
-- person. So a login, like a disclosure, never changes, and only the owner could take one away; readers then miss what ended with it.

DROP TRIGGER append_only ON logins;
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE ON logins FOR EACH ROW EXECUTE FUNCTION refuse_change();
