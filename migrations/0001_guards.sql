-- Why: a log that anyone could rewrite proves nothing; so rows of the logs and the register refuse every change, the
-- owner's included, and the server runs as a role that may do no more than its work needs.

-- Append-only: whoever asks. An owner could drop the trigger; the signer's guard, the self-audit and kept checkpoints
-- are what then tells on him.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% on % is refused: it is append-only', TG_OP, TG_TABLE_NAME USING ERRCODE = 'KB001';
END $$;
--> statement-breakpoint
DO $$
DECLARE
  append_only text;
BEGIN
  FOREACH append_only IN ARRAY ARRAY['entries', 'nodes', 'checkpoints', 'ledger_heads', 'commands',
    'register_acts', 'register_batches', 'register_batch_members']
  LOOP
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %I
      FOR EACH ROW EXECUTE FUNCTION refuse_change()', append_only);
    EXECUTE format('CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON %I
      FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', append_only);
  END LOOP;
  -- Disclosures may one day be erased by law, row by row, by a way of its own; they never change.
  CREATE TRIGGER append_only BEFORE UPDATE ON disclosures FOR EACH ROW EXECUTE FUNCTION refuse_change();
  CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON disclosures FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
END $$;
--> statement-breakpoint
-- A head only grows: never a smaller size, never a second root for one.
CREATE FUNCTION refuse_shrinking() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.size <= OLD.size OR NEW.origin <> OLD.origin THEN
    RAISE EXCEPTION 'the head of % stands at %: it cannot go to %', OLD.origin, OLD.size, NEW.size USING ERRCODE = 'KB002';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER only_grows BEFORE UPDATE ON logs FOR EACH ROW EXECUTE FUNCTION refuse_shrinking();
--> statement-breakpoint
CREATE TRIGGER never_leaves BEFORE DELETE ON logs FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER never_leaves_whole BEFORE TRUNCATE ON logs FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
-- A window key never changes; destroying its private half is the one change there is.
CREATE FUNCTION refuse_other_than_destroying() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.wrapped_private IS NOT NULL THEN
    RAISE EXCEPTION 'a window key can only be destroyed' USING ERRCODE = 'KB003';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER only_destroyed BEFORE UPDATE ON window_keys FOR EACH ROW EXECUTE FUNCTION refuse_other_than_destroying();
--> statement-breakpoint
-- What the server runs as. Roles belong to the whole cluster: another database may have made it already, or be doing so.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'kaibiao_app') THEN
    CREATE ROLE kaibiao_app NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
--> statement-breakpoint
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;
--> statement-breakpoint
-- The logs: nothing but adding; of a head the three columns that an append moves.
GRANT SELECT, INSERT ON entries, nodes, checkpoints, disclosures, ledger_heads, logs TO kaibiao_app;
--> statement-breakpoint
GRANT UPDATE (size, frontier, root) ON logs TO kaibiao_app;
--> statement-breakpoint
GRANT SELECT, INSERT ON register_acts, register_batches, register_batch_members TO kaibiao_app;
--> statement-breakpoint
-- The record-keeper: what was received stays as it was received; the openings can be rebuilt from the logs.
GRANT SELECT, INSERT ON commands, intake TO kaibiao_app;
--> statement-breakpoint
GRANT UPDATE (decided) ON intake TO kaibiao_app;
--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON openings, heartbeats TO kaibiao_app;
--> statement-breakpoint
-- The vault.
GRANT SELECT, INSERT ON envelopes, decryptions, window_keys TO kaibiao_app;
--> statement-breakpoint
GRANT UPDATE (state, outcome) ON decryptions TO kaibiao_app;
--> statement-breakpoint
GRANT UPDATE (wrapped_private) ON window_keys TO kaibiao_app;
--> statement-breakpoint
-- People: what says who could act when is ended, not deleted; single-use secrets go when they have expired.
GRANT SELECT, INSERT ON accounts, assignments, trust_anchors, encryption_certificates, sessions TO kaibiao_app;
--> statement-breakpoint
GRANT UPDATE (organisation, name, disabled_at) ON accounts TO kaibiao_app;
--> statement-breakpoint
GRANT UPDATE (withdrawn_by, withdrawn_at) ON assignments TO kaibiao_app;
--> statement-breakpoint
GRANT UPDATE (effective_until_at) ON trust_anchors TO kaibiao_app;
--> statement-breakpoint
GRANT UPDATE (ended_at) ON sessions TO kaibiao_app;
--> statement-breakpoint
GRANT SELECT, INSERT, DELETE ON challenges, tickets, dpop_seen TO kaibiao_app;
--> statement-breakpoint
GRANT UPDATE (consumed_at) ON challenges, tickets TO kaibiao_app;
--> statement-breakpoint
-- So that the server can see at start whether the tables are the ones it was written for.
GRANT USAGE ON SCHEMA drizzle TO kaibiao_app;
--> statement-breakpoint
GRANT SELECT ON drizzle.__drizzle_migrations TO kaibiao_app;
