-- Why: an envelope that comes piece by piece is resumed by any process after any crash, and its bidder is told how it ended.
CREATE TABLE "uploads" (
	"id" text PRIMARY KEY NOT NULL,
	"opening_id" text NOT NULL,
	"account" text NOT NULL,
	"command" text NOT NULL,
	"bid_id" text NOT NULL,
	"statement" text NOT NULL,
	"size_bytes" bigint NOT NULL,
	"received_bytes" bigint DEFAULT 0 NOT NULL,
	"deadline_at" bigint NOT NULL,
	"created_at" bigint NOT NULL,
	"expires_at" bigint NOT NULL,
	"ended" text,
	"ended_at" bigint,
	"refusal" text,
	"holder" text,
	"held_until" bigint,
	CONSTRAINT "uploads_command" UNIQUE("opening_id","account","command"),
	CONSTRAINT "uploads_size_bytes" CHECK ("uploads"."size_bytes" > 0),
	CONSTRAINT "uploads_received_bytes" CHECK ("uploads"."received_bytes" BETWEEN 0 AND "uploads"."size_bytes"),
	CONSTRAINT "uploads_ended" CHECK ("uploads"."ended" IN ('lodged', 'refused', 'withdrawn', 'expired', 'given_up')),
	CONSTRAINT "uploads_ended_at" CHECK (("uploads"."ended" IS NULL) = ("uploads"."ended_at" IS NULL)),
	CONSTRAINT "uploads_refusal" CHECK (("uploads"."ended" IS NOT DISTINCT FROM 'refused') = ("uploads"."refusal" IS NOT NULL)),
	CONSTRAINT "uploads_held_until" CHECK (("uploads"."holder" IS NULL) = ("uploads"."held_until" IS NULL))
);
--> statement-breakpoint
CREATE INDEX "uploads_under_way" ON "uploads" USING btree ("expires_at") WHERE "uploads"."ended" IS NULL;