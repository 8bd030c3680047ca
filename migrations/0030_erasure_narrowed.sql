-- Why: the function that erases is the one thing by which the server's role can destroy a disclosure. It now takes only what the rules could have
-- allowed: a personal field of an opening's entry, named by an Erased entry below the head, behind a proposal of the very same. A thief of the
-- server's role can still forge both entries together with a head; guard and self-audit find that head, after the loss.

CREATE OR REPLACE FUNCTION erase_disclosure(log text, erased_by bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  erasure text;
  what text[];
  target text;
  opening text;
  own_command text;
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
  DELETE FROM disclosures d WHERE d.origin = log AND d.seq = what[5]::bigint AND d.field = what[3];
  -- What was received for that entry says the same once more; it has been decided, and nothing reads it again.
  own_command := (regexp_match(target, '"command":("[^"\\]+"),"commit":\{'))[1];
  WITH received AS MATERIALIZED (SELECT i.id, i.content FROM intake i WHERE i.opening_id = opening AND i.decided)
  DELETE FROM intake USING received r
  WHERE intake.id = r.id AND own_command IS NOT NULL
    AND position(convert_to('"command":' || own_command, 'UTF8') IN r.content) > 0;
END $$;
