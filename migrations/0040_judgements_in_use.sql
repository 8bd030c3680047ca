-- Why: a judgement that was swept could still be handed out by a process that remembered it, and the next act under it, in another opening,
-- then named evidence that nobody has. A process hands one out for half an hour (HANDED_OUT_MS, server/identity/trust-memory.ts), and what
-- it is handed out for is received within the hour that a request may take: what is younger than two is not swept, nor what something
-- received names that is not decided.

CREATE FUNCTION sweep_judgement(key text, now_ms bigint) RETURNS boolean LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  stapled record;
  leaf text;
BEGIN
  IF EXISTS (SELECT FROM evidence e WHERE e.sha256 = key AND e.added_at > now_ms - 7200000)
    OR EXISTS (SELECT FROM intake i WHERE NOT i.decided AND position(convert_to(key, 'UTF8') IN i.content) > 0) THEN
    RETURN false;
  END IF;
  IF EXISTS (
    SELECT FROM (SELECT d.disclosure FROM disclosures d UNION ALL SELECT r.disclosure FROM register_acts r) AS said
    -- The digest in base64, wherever in a group of three it begins.
    WHERE strpos(said.disclosure, substr(translate(encode(convert_to(key, 'UTF8'), 'base64'), '+/', '-_'), 1, 56)) > 0
      OR strpos(said.disclosure, substr(translate(encode(convert_to('x' || key, 'UTF8'), 'base64'), '+/', '-_'), 5, 52)) > 0
      OR strpos(said.disclosure, substr(translate(encode(convert_to('xx' || key, 'UTF8'), 'base64'), '+/', '-_'), 5, 56)) > 0
  ) THEN
    RETURN true;
  END IF;
  -- From here on nobody keeps evidence (keepEvidence, server/identity/evidence.ts): what a new judgement stands on would be seen as nobody's.
  PERFORM pg_advisory_xact_lock(hashtext('kaibiao evidence'));
  DELETE FROM evidence e WHERE e.sha256 = key AND e.kind = 'judgement'
    RETURNING (regexp_match(convert_from(e.content, 'UTF8'), '"certificates":\["([A-Za-z0-9_-]{43})"'))[1] INTO leaf;
  IF leaf IS NULL OR EXISTS (
    SELECT FROM evidence e WHERE e.kind = 'judgement' AND position(convert_to(leaf, 'UTF8') IN e.content) > 0
  ) THEN
    RETURN true;
  END IF;
  DELETE FROM evidence e WHERE e.sha256 = leaf AND e.kind = 'certificate';
  -- What a CA said of it goes, too, unless it was said of others in the same breath.
  FOR stapled IN DELETE FROM stapled_responses r WHERE r.cert_sha256 = leaf RETURNING r.sha256 LOOP
    DELETE FROM evidence e WHERE e.sha256 = stapled.sha256
      AND NOT EXISTS (SELECT FROM stapled_responses r WHERE r.sha256 = e.sha256)
      AND NOT EXISTS (SELECT FROM evidence j WHERE j.kind = 'judgement' AND position(convert_to(e.sha256, 'UTF8') IN j.content) > 0);
  END LOOP;
  RETURN true;
END $$;
--> statement-breakpoint
CREATE OR REPLACE FUNCTION sweep_erasure(now_ms bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  leftover record;
BEGIN
  FOR leftover IN SELECT * FROM erasure_leftovers ORDER BY id FOR UPDATE SKIP LOCKED LOOP
    CONTINUE WHEN NOT CASE leftover.kind
      WHEN 'intake' THEN sweep_intake(leftover.key)
      WHEN 'login' THEN sweep_login(leftover.key, now_ms)
      WHEN 'sessions' THEN sweep_sessions(leftover.key, now_ms)
      ELSE sweep_judgement(leftover.key, now_ms)
    END;
    DELETE FROM erasure_leftovers WHERE id = leftover.id;
    RETURN true;
  END LOOP;
  RETURN false;
END $$;
--> statement-breakpoint
DROP FUNCTION sweep_judgement(text);
--> statement-breakpoint
REVOKE ALL ON FUNCTION sweep_judgement(text, bigint) FROM PUBLIC;
