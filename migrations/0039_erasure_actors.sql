-- Why: which commands and received acts go with an erasure was asked by the command's id alone. An id is one person's own: another may bear the
-- same; and the entry of an early objection bears the id of whoever published the roster, whose rows went once the objection's own were gone.

CREATE OR REPLACE FUNCTION erase_disclosure(log text, erased_by bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  erasure text;
  what text[];
  target text;
  opening text;
  own_command text;
  person text;
  gone record;
  said text;
  jws text;
  registered record;
BEGIN
  SELECT l.opening_id, convert_from(e.bytes, 'UTF8') INTO opening, erasure FROM logs l
  JOIN entries e ON e.origin = l.origin AND e.seq = erased_by
  WHERE l.origin = log AND l.kind = 'opening' AND erased_by < l.size;
  -- Canonical bytes are read as text: JSON functions fail on characters that an entry may hold.
  what := regexp_match(erasure,
    '"body":(\{"basis":"([a-z_]+)","by":"(?:witness|supervisor)","field":"(who|source|act|account|text|reason|note)","number":([0-9]+),"seq":([0-9]+)\}).*"type":"Erased","v":1\}$');
  IF what IS NULL OR what[5]::bigint >= erased_by THEN
    RAISE EXCEPTION 'entry % of % erases nothing', erased_by, log USING ERRCODE = 'KB006';
  END IF;
  PERFORM FROM entries e WHERE e.origin = log AND e.seq > what[5]::bigint AND e.seq < erased_by
    AND convert_from(e.bytes, 'UTF8') LIKE '%"type":"ErasureProposed","v":1}'
    AND strpos(convert_from(e.bytes, 'UTF8'), format('"field":"%s","number":%s,"seq":%s}', what[3], what[4], what[5])) > 0
    AND strpos(convert_from(e.bytes, 'UTF8'), format('"body":{"basis":"%s",', what[2])) > 0;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'entry % of % was not proposed', erased_by, log USING ERRCODE = 'KB006';
  END IF;
  SELECT convert_from(e.bytes, 'UTF8') INTO target FROM entries e WHERE e.origin = log AND e.seq = what[5]::bigint;
  IF target ~ '"type":"(Erased|ErasureProposed)","v":1\}$' THEN
    RAISE EXCEPTION 'entry % of % stays', what[5], log USING ERRCODE = 'KB006';
  END IF;

  -- The act as its person signed it: by it the same is found elsewhere, also where the entry's command is another's. Once it is gone, with
  -- whatever field went first, so is all the rest that names no field.
  SELECT (regexp_match(CASE WHEN d.login_sha256 IS NULL THEN base64url_text(d.disclosure) ELSE d.disclosure END,
    ',"act",\{"act":"([A-Za-z0-9_.-]+)"'))[1] INTO jws
  FROM disclosures d WHERE d.origin = log AND d.seq = what[5]::bigint AND d.field = 'act';
  IF jws IS NOT NULL THEN
    -- As JSON has it: an id may hold a quotation mark.
    own_command := (regexp_match(target, '"command":"((?:[^"\\]|\\.)+)","commit":\{'))[1];
    -- Somebody else's command may bear the same id, and the entry of an early objection bears the id of another's.
    SELECT (regexp_match(base64url_text(d.disclosure), ',"who",\{"account":"([^"\\]+)"'))[1] INTO person
    FROM disclosures d WHERE d.origin = log AND d.seq = what[5]::bigint AND d.field = 'who';
  END IF;

  FOR gone IN
    DELETE FROM disclosures d WHERE d.origin = log AND d.seq = what[5]::bigint
      AND (d.field = what[3] OR (d.field = 'act' AND what[3] <> 'source'))
    RETURNING d.field, d.disclosure, d.login_sha256
  LOOP
    IF gone.login_sha256 IS NOT NULL THEN
      INSERT INTO erasure_leftovers (kind, key) VALUES ('login', encode(gone.login_sha256, 'hex'));
    END IF;
    CONTINUE WHEN gone.field NOT IN ('who', 'account');
    said := base64url_text(gone.disclosure);
    IF gone.field = 'account' THEN
      -- Who held a role is asked at every request of those who erase; of all others the row says what was erased.
      DELETE FROM assignments a WHERE a.opening_id = opening
        AND a.account = (regexp_match(said, ',"account","([^"\\]+)"\]$'))[1]
        AND (a.withdrawn_at IS NOT NULL OR a.role NOT IN ('witness', 'supervisor'));
    ELSE
      INSERT INTO erasure_leftovers (kind, key) SELECT 'sessions', m[1] FROM regexp_matches(said, '"account":"([^"\\]+)"') AS m;
      INSERT INTO erasure_leftovers (kind, key)
        SELECT 'judgement', m[1] FROM regexp_matches(said, '"(?:judgement|encryptionJudgement)":"([A-Za-z0-9_-]{43})"', 'g') AS m;
    END IF;
  END LOOP;

  FOR registered IN
    SELECT r.id, r.disclosure, base64url_text(r.disclosure) AS act FROM register_acts r
    -- Of all acts of the register only an early objection comes to the log with its words.
    WHERE r.opening_id = opening AND r.type = 'EarlyObjectionRaised' AND jws IS NOT NULL
      AND strpos(base64url_text(r.disclosure), '"act":{"act":"' || jws || '"') > 0
  LOOP
    UPDATE register_acts SET disclosure = '', leaf = sha256('\x00'::bytea || convert_to(registered.disclosure, 'UTF8'))
      WHERE id = registered.id;
    own_command := (regexp_match(registered.act, '"command":"((?:[^"\\]|\\.)+)"'))[1];
  END LOOP;

  IF jws IS NOT NULL THEN
    UPDATE decryptions SET statement = '' WHERE opening_id = opening AND statement = jws;
  END IF;
  -- What was received for it says the same once more, and what was answered whose it was; both are decided, and nothing reads them again.
  PERFORM set_config('kaibiao.erasing', 'yes', true);
  DELETE FROM commands c WHERE c.opening_id = opening AND c.actor = person
    AND c.command_id = ('"' || own_command || '"')::jsonb #>> '{}';
  PERFORM set_config('kaibiao.erasing', '', true);
  INSERT INTO erasure_leftovers (kind, key)
    SELECT 'intake', opening || chr(10) || own_command || chr(10) || person WHERE own_command IS NOT NULL AND person IS NOT NULL;
END $$;
--> statement-breakpoint
-- The sweep, cut by kinds: each part says whether what was left is done with. The intake is asked whose it is; the others are as they were.
-- A leftover from before this migration names no person, and is taken as it was.
CREATE FUNCTION sweep_intake(key text) RETURNS boolean LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  person text := split_part(key, chr(10), 3);
BEGIN
  DELETE FROM intake i WHERE i.opening_id = split_part(key, chr(10), 1) AND i.decided
    AND position(convert_to('"command":"' || split_part(key, chr(10), 2) || '"', 'UTF8') IN i.content) > 0
    AND (person = '' OR position(convert_to('"who":{"account":"' || person || '"', 'UTF8') IN i.content) > 0);
  RETURN true;
END $$;
--> statement-breakpoint
CREATE FUNCTION sweep_login(key text, now_ms bigint) RETURNS boolean LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  of_login text;
  hash bytea;
BEGIN
  hash := decode(key, 'hex');
  SELECT l.login INTO of_login FROM logins l WHERE l.sha256 = hash;
  -- While its session lasts, the recorder takes it to be there.
  IF EXISTS (SELECT FROM sessions s WHERE s.login = of_login AND s.ended_at IS NULL AND s.ends_at > now_ms) THEN
    RETURN false;
  END IF;
  IF NOT EXISTS (SELECT FROM disclosures d WHERE d.login_sha256 = hash)
    AND NOT EXISTS (SELECT FROM intake i WHERE i.login_sha256 = hash) THEN
    DELETE FROM logins l WHERE l.sha256 = hash;
  END IF;
  RETURN true;
END $$;
--> statement-breakpoint
CREATE FUNCTION sweep_sessions(account_id text, now_ms bigint) RETURNS boolean LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  -- A session that has ended is of no use to anybody, and its login names its person.
  DELETE FROM sessions s WHERE s.account = account_id AND (s.ended_at IS NOT NULL OR s.ends_at <= now_ms);
  RETURN NOT EXISTS (SELECT FROM sessions s WHERE s.account = account_id);
END $$;
--> statement-breakpoint
CREATE FUNCTION sweep_judgement(key text) RETURNS boolean LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  stapled record;
  leaf text;
BEGIN
  IF NOT EXISTS (
    SELECT FROM (SELECT d.disclosure FROM disclosures d UNION ALL SELECT r.disclosure FROM register_acts r) AS said
    -- The digest in base64, wherever in a group of three it begins.
    WHERE strpos(said.disclosure, substr(translate(encode(convert_to(key, 'UTF8'), 'base64'), '+/', '-_'), 1, 56)) > 0
      OR strpos(said.disclosure, substr(translate(encode(convert_to('x' || key, 'UTF8'), 'base64'), '+/', '-_'), 5, 52)) > 0
      OR strpos(said.disclosure, substr(translate(encode(convert_to('xx' || key, 'UTF8'), 'base64'), '+/', '-_'), 5, 56)) > 0
  ) THEN
    DELETE FROM evidence e WHERE e.sha256 = key AND e.kind = 'judgement'
      RETURNING (regexp_match(convert_from(e.content, 'UTF8'), '"certificates":\["([A-Za-z0-9_-]{43})"'))[1] INTO leaf;
    IF leaf IS NOT NULL AND NOT EXISTS (
      SELECT FROM evidence e WHERE e.kind = 'judgement' AND position(convert_to(leaf, 'UTF8') IN e.content) > 0
    ) THEN
      DELETE FROM evidence e WHERE e.sha256 = leaf AND e.kind = 'certificate';
      -- What a CA said of it goes, too, unless it was said of others in the same breath.
      FOR stapled IN DELETE FROM stapled_responses r WHERE r.cert_sha256 = leaf RETURNING r.sha256 LOOP
        DELETE FROM evidence e WHERE e.sha256 = stapled.sha256
          AND NOT EXISTS (SELECT FROM stapled_responses r WHERE r.sha256 = e.sha256)
          AND NOT EXISTS (SELECT FROM evidence j WHERE j.kind = 'judgement' AND position(convert_to(e.sha256, 'UTF8') IN j.content) > 0);
      END LOOP;
    END IF;
  END IF;
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
      ELSE sweep_judgement(leftover.key)
    END;
    DELETE FROM erasure_leftovers WHERE id = leftover.id;
    RETURN true;
  END LOOP;
  RETURN false;
END $$;
--> statement-breakpoint
REVOKE ALL ON FUNCTION sweep_intake(text), sweep_login(text, bigint), sweep_sessions(text, bigint), sweep_judgement(text) FROM PUBLIC;
