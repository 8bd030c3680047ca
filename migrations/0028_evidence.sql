-- Why: what a certificate was judged by must be there years later; and a decryption whose certificate had lapsed before the deadline stands on the log.
CREATE TABLE "evidence" (
	"sha256" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"about" text,
	"content" "bytea" NOT NULL,
	"added_at" bigint NOT NULL,
	CONSTRAINT "evidence_kind" CHECK ("evidence"."kind" in ('judgement', 'certificate', 'ocsp'))
);
--> statement-breakpoint
ALTER TABLE "decryptions" ADD COLUMN "refused_for" text;--> statement-breakpoint
CREATE INDEX "evidence_about" ON "evidence" USING btree ("about","added_at");
