-- Why: lots that share a room are found by their session.
ALTER TABLE "openings" ADD COLUMN "session_id" text;--> statement-breakpoint
CREATE INDEX "openings_session" ON "openings" USING btree ("session_id");