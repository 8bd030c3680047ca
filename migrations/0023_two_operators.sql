-- Why: whom the platform believes changes only by two operators; the anchors are folded from the ledger’s own changes, so a platform begun before names its first CAs anew.
CREATE TABLE "trust_changes" (
	"seq" bigint PRIMARY KEY NOT NULL,
	"change" text NOT NULL,
	"from_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "trust_proposals" (
	"seq" bigint PRIMARY KEY NOT NULL,
	"command" text NOT NULL,
	"proposed_by" text NOT NULL,
	"proposer_name" text NOT NULL,
	"change" text NOT NULL,
	"change_sha256" text NOT NULL,
	"expires_at" bigint NOT NULL,
	"outcome" text,
	"closed_seq" bigint,
	"closed_command" text,
	CONSTRAINT "trust_proposals_outcome" CHECK ("trust_proposals"."outcome" in ('confirmed', 'withdrawn')),
	CONSTRAINT "trust_proposals_closed" CHECK (("trust_proposals"."outcome" is null) = ("trust_proposals"."closed_seq" is null) and ("trust_proposals"."outcome" is null) = ("trust_proposals"."closed_command" is null))
);
--> statement-breakpoint
DROP TABLE "trust_anchors" CASCADE;--> statement-breakpoint
ALTER TABLE "trust_proposals" ADD CONSTRAINT "trust_proposals_proposed_by_accounts_id_fk" FOREIGN KEY ("proposed_by") REFERENCES "public"."accounts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "trust_proposals_once" ON "trust_proposals" USING btree ("proposed_by","command");
