-- Why: what was shown once stays shown, whoever leads and whatever its clock says.

CREATE FUNCTION refuse_going_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.size < OLD.size THEN
    RAISE EXCEPTION 'size % was published', OLD.size USING ERRCODE = 'KB007';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER never_back BEFORE UPDATE ON published_head FOR EACH ROW EXECUTE FUNCTION refuse_going_back();
--> statement-breakpoint
CREATE TRIGGER never_leaves BEFORE DELETE ON published_head FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER never_leaves_whole BEFORE TRUNCATE ON published_head FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
REVOKE ALL ON published_head FROM PUBLIC;
--> statement-breakpoint
GRANT SELECT, INSERT ON published_head TO kaibiao_app;
--> statement-breakpoint
GRANT UPDATE (size, is_held) ON published_head TO kaibiao_app;
