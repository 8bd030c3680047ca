-- Why: a key that lives on a phone signs for a page on another screen; what the two say to each other, sealed, waits here for a minute.

CREATE TABLE "phone_mailboxes" (
	"id" text PRIMARY KEY NOT NULL,
	"offer" text NOT NULL,
	"desktop_token_sha256" text NOT NULL,
	"phone_token_sha256" text,
	"desktop_sent" integer DEFAULT 0 NOT NULL,
	"phone_sent" integer DEFAULT 0 NOT NULL,
	"others" integer DEFAULT 0 NOT NULL,
	"created_at" bigint NOT NULL,
	"expires_at" bigint NOT NULL,
	"ended_by" text
);
--> statement-breakpoint
CREATE TABLE "phone_messages" (
	"mailbox_id" text NOT NULL,
	"side" text NOT NULL,
	"seq" integer NOT NULL,
	"sealed" text NOT NULL,
	"expires_at" bigint NOT NULL,
	CONSTRAINT "phone_messages_mailbox_id_side_seq_pk" PRIMARY KEY("mailbox_id","side","seq")
);
--> statement-breakpoint
ALTER TABLE "phone_messages" ADD CONSTRAINT "phone_messages_mailbox_id_phone_mailboxes_id_fk" FOREIGN KEY ("mailbox_id") REFERENCES "public"."phone_mailboxes"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "phone_mailboxes_expires_at" ON "phone_mailboxes" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "phone_messages_expires_at" ON "phone_messages" USING btree ("expires_at");