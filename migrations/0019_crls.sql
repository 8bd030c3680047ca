-- Why: whether a certificate was revoked is known from the lists of its CA; operators bring them, and each CA says what is made of their lack.
CREATE TABLE "crls" (
	"sha256" text PRIMARY KEY NOT NULL,
	"issuer" text NOT NULL,
	"scope" text NOT NULL,
	"number" text,
	"delta_base" text,
	"this_update_at" bigint NOT NULL,
	"next_update_at" bigint,
	"entries" integer NOT NULL,
	"der" "bytea" NOT NULL,
	"added_by" text NOT NULL,
	"added_at" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "trust_anchors" ADD COLUMN "revocation" text DEFAULT 'when_known' NOT NULL;--> statement-breakpoint
ALTER TABLE "trust_anchors" ADD COLUMN "extended_usages" text[];--> statement-breakpoint
ALTER TABLE "trust_anchors" ADD COLUMN "policies" text[];--> statement-breakpoint
CREATE INDEX "crls_issuer" ON "crls" USING btree ("issuer","this_update_at");--> statement-breakpoint
ALTER TABLE "trust_anchors" ADD CONSTRAINT "trust_anchors_revocation" CHECK ("trust_anchors"."revocation" in ('required', 'when_known'));