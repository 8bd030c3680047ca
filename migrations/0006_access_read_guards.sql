-- Why: the server adds to the index of reads and looks in it, and nothing takes a read out of it.

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON access_reads FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON access_reads FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
GRANT SELECT, INSERT ON access_reads TO kaibiao_app;
