-- Why: what a cosigner signed is added and read, never changed or removed, whoever asks.

REVOKE ALL ON cosignatures FROM PUBLIC;
--> statement-breakpoint
GRANT SELECT, INSERT ON cosignatures TO kaibiao_app;
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON cosignatures FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON cosignatures FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
