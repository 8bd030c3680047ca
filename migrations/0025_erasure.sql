-- Why: personal-information law may demand that what a person said, or who he was, is destroyed (个人信息保护法 art. 47). The server may delete no
-- disclosure; this function does, and only the one that an Erased entry on the same log names, which two persons have signed.

CREATE FUNCTION erase_disclosure(log text, erased_by bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  erasure jsonb;
  erased jsonb;
BEGIN
  SELECT convert_from(e.bytes, 'UTF8')::jsonb INTO erasure FROM entries e WHERE e.origin = log AND e.seq = erased_by;
  IF erasure IS NULL OR erasure->>'type' <> 'Erased' THEN
    RAISE EXCEPTION 'entry % of % erases nothing', erased_by, log USING ERRCODE = 'KB006';
  END IF;
  DELETE FROM disclosures d
  WHERE d.origin = log AND d.seq = (erasure->'body'->>'seq')::bigint AND d.field = erasure->'body'->>'field';
  -- What was received for that entry says the same once more; it has been decided, and nothing reads it again.
  SELECT convert_from(e.bytes, 'UTF8')::jsonb INTO erased FROM entries e
  WHERE e.origin = log AND e.seq = (erasure->'body'->>'seq')::bigint;
  DELETE FROM intake i USING logs l
  WHERE l.origin = log AND i.opening_id = l.opening_id AND i.decided
    AND convert_from(i.content, 'UTF8')::jsonb->>'command' = erased->>'command';
END $$;
--> statement-breakpoint
REVOKE ALL ON FUNCTION erase_disclosure(text, bigint) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION erase_disclosure(text, bigint) TO kaibiao_app;
