-- Why: a term that could go back would let a leader whose time is over write once more.

CREATE FUNCTION refuse_earlier_term() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.term < OLD.term OR (NEW.term = OLD.term AND NEW.process_id <> OLD.process_id) THEN
    RAISE EXCEPTION 'term % is over', NEW.term USING ERRCODE = 'KB005';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER only_later BEFORE UPDATE ON leadership FOR EACH ROW EXECUTE FUNCTION refuse_earlier_term();
--> statement-breakpoint
CREATE TRIGGER never_leaves BEFORE DELETE ON leadership FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER never_leaves_whole BEFORE TRUNCATE ON leadership FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
REVOKE ALL ON leadership, errands FROM PUBLIC;
--> statement-breakpoint
GRANT SELECT, INSERT ON leadership TO kaibiao_app;
--> statement-breakpoint
GRANT UPDATE (term, process_id, read_only) ON leadership TO kaibiao_app;
--> statement-breakpoint
GRANT SELECT, INSERT, DELETE ON errands TO kaibiao_app;
--> statement-breakpoint
GRANT UPDATE (answer) ON errands TO kaibiao_app;
