-- Why: a session from before a deadline is what lets a bidder in whose CA ended behind it (server/identity/open-bids.ts). An erasure in one opening
-- took all sessions of its person, and with them the way to a bid of his that was still sealed in another. They stay while one waits.

CREATE OR REPLACE FUNCTION sweep_sessions(account_id text, now_ms bigint) RETURNS boolean LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF EXISTS (
    SELECT FROM openings o JOIN envelopes e ON e.opening_id = o.id AND left(e.account, 18) = left(account_id, 18)
    WHERE o.phase NOT IN ('Closed', 'ReviewMeeting', 'HandedOver', 'Archived', 'Failed', 'Aborted')
  ) THEN
    RETURN false;
  END IF;
  -- A session that has ended is of no use to anybody, and its login names its person.
  DELETE FROM sessions s WHERE s.account = account_id AND (s.ended_at IS NOT NULL OR s.ends_at <= now_ms);
  RETURN NOT EXISTS (SELECT FROM sessions s WHERE s.account = account_id);
END $$;
