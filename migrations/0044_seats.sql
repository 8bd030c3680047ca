-- Why: in an opening a certificate acts from one page at a time; another page is told and may take over.

CREATE TABLE "seats" (
	"opening_id" text NOT NULL,
	"cert_sha256" text NOT NULL,
	"session_id" text NOT NULL,
	"taken_at" bigint NOT NULL,
	"left_at" bigint,
	CONSTRAINT "seats_opening_id_cert_sha256_pk" PRIMARY KEY("opening_id","cert_sha256")
);
--> statement-breakpoint
CREATE INDEX "seats_session" ON "seats" USING btree ("session_id");--> statement-breakpoint
CREATE INDEX "seats_taken_at" ON "seats" USING btree ("taken_at");