-- Why: a reveal is for ever, a span is drawn once, and what was batched before spans were kept stays closed where in doubt.

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON register_reveals FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON register_reveals FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
-- A span ends once, and an opening ends once: nothing may turn a failed tender into one whose numbers are public.
CREATE FUNCTION refuse_redrawing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.opening_id <> OLD.opening_id OR NEW.first_batch <> OLD.first_batch
    OR (OLD.last_batch IS NOT NULL AND NEW.last_batch IS DISTINCT FROM OLD.last_batch)
    OR (OLD.ending IS NOT NULL AND NEW.ending IS DISTINCT FROM OLD.ending) THEN
    RAISE EXCEPTION 'the span of % is drawn already', OLD.opening_id USING ERRCODE = 'KB004';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER drawn_once BEFORE UPDATE ON register_spans FOR EACH ROW EXECUTE FUNCTION refuse_redrawing();
--> statement-breakpoint
CREATE TRIGGER never_leaves BEFORE DELETE ON register_spans FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER never_leaves_whole BEFORE TRUNCATE ON register_spans FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
-- Openings from before this migration could have used every batch so far.
INSERT INTO register_spans (opening_id, first_batch) SELECT id, 0 FROM openings WHERE phase <> 'Draft';
--> statement-breakpoint
GRANT SELECT, INSERT ON register_reveals, register_spans TO kaibiao_app;
--> statement-breakpoint
GRANT UPDATE (last_batch, ending) ON register_spans TO kaibiao_app;
