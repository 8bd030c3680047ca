-- Why: what was counted stays as it was counted.

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON repeated_refusals FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON repeated_refusals FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
GRANT SELECT, INSERT ON repeated_refusals TO kaibiao_app;
