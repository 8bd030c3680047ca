-- Why: each sweep of one leftover began with the oldest and asked once more all those that have to wait; with many of them a round never came to
-- the others. Now a round goes on behind the one it took last, and asks each of those that wait once.

CREATE FUNCTION sweep_erasure(now_ms bigint, behind bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  leftover record;
BEGIN
  FOR leftover IN SELECT * FROM erasure_leftovers WHERE id > behind ORDER BY id FOR UPDATE SKIP LOCKED LOOP
    CONTINUE WHEN NOT CASE leftover.kind
      WHEN 'intake' THEN sweep_intake(leftover.key)
      WHEN 'login' THEN sweep_login(leftover.key, now_ms)
      WHEN 'sessions' THEN sweep_sessions(leftover.key, now_ms)
      ELSE sweep_judgement(leftover.key, now_ms)
    END;
    DELETE FROM erasure_leftovers WHERE id = leftover.id;
    RETURN leftover.id;
  END LOOP;
  RETURN NULL;
END $$;
--> statement-breakpoint
DROP FUNCTION sweep_erasure(bigint);
--> statement-breakpoint
REVOKE ALL ON FUNCTION sweep_erasure(bigint, bigint) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION sweep_erasure(bigint, bigint) TO kaibiao_app;
