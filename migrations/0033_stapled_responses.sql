-- Why: one OCSP response may speak of many certificates; the first that brought it was the only one that was ever asked by it again.
CREATE TABLE "stapled_responses" (
	"cert_sha256" text NOT NULL,
	"sha256" text NOT NULL,
	"this_update_at" bigint NOT NULL,
	CONSTRAINT "stapled_responses_cert_sha256_sha256_pk" PRIMARY KEY("cert_sha256","sha256")
);
--> statement-breakpoint
DROP INDEX "evidence_about";--> statement-breakpoint
ALTER TABLE "stapled_responses" ADD CONSTRAINT "stapled_responses_sha256_evidence_sha256_fk" FOREIGN KEY ("sha256") REFERENCES "public"."evidence"("sha256") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "stapled_responses_newest" ON "stapled_responses" USING btree ("cert_sha256","this_update_at");--> statement-breakpoint
INSERT INTO "stapled_responses" SELECT about, sha256, added_at FROM evidence WHERE about IS NOT NULL;--> statement-breakpoint
ALTER TABLE "evidence" DROP COLUMN "about";