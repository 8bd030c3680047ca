-- Why: the first tables of every room; what each is for stands in server/store/schema.
CREATE TABLE "accounts" (
	"id" text PRIMARY KEY NOT NULL,
	"credit_code" text NOT NULL,
	"person_id" text,
	"organisation" text NOT NULL,
	"name" text NOT NULL,
	"kind" text NOT NULL,
	"created_at" bigint NOT NULL,
	"created_by" text,
	"disabled_at" bigint,
	CONSTRAINT "accounts_id_is_code_and_person" CHECK ("accounts"."id" = "accounts"."credit_code" || coalesce('/' || "accounts"."person_id", '')),
	CONSTRAINT "accounts_kind" CHECK ("accounts"."kind" in ('bidder', 'official', 'operator'))
);
--> statement-breakpoint
CREATE TABLE "assignments" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "assignments_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"opening_id" text NOT NULL,
	"account" text NOT NULL,
	"person" text NOT NULL,
	"role" text NOT NULL,
	"assigned_by" text NOT NULL,
	"assigned_at" bigint NOT NULL,
	"withdrawn_by" text,
	"withdrawn_at" bigint,
	CONSTRAINT "assignments_role" CHECK ("assignments"."role" in ('tenderer', 'host', 'witness', 'supervisor', 'auditor'))
);
--> statement-breakpoint
CREATE TABLE "challenges" (
	"nonce_sha256" text PRIMARY KEY NOT NULL,
	"purpose" text NOT NULL,
	"jkt" text NOT NULL,
	"origin" text NOT NULL,
	"created_at" bigint NOT NULL,
	"expires_at" bigint NOT NULL,
	"consumed_at" bigint
);
--> statement-breakpoint
CREATE TABLE "dpop_seen" (
	"jkt" text NOT NULL,
	"jti" text NOT NULL,
	"expires_at" bigint NOT NULL,
	CONSTRAINT "dpop_seen_jkt_jti_pk" PRIMARY KEY("jkt","jti")
);
--> statement-breakpoint
CREATE TABLE "encryption_certificates" (
	"cert_sha256" text NOT NULL,
	"account" text NOT NULL,
	"x5c" text[] NOT NULL,
	"registered_at" bigint NOT NULL,
	CONSTRAINT "encryption_certificates_account_cert_sha256_pk" PRIMARY KEY("account","cert_sha256")
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"id" text PRIMARY KEY NOT NULL,
	"account" text NOT NULL,
	"jkt" text NOT NULL,
	"cert_sha256" text NOT NULL,
	"login" text NOT NULL,
	"created_at" bigint NOT NULL,
	"ends_at" bigint NOT NULL,
	"ended_at" bigint
);
--> statement-breakpoint
CREATE TABLE "tickets" (
	"ticket_sha256" text PRIMARY KEY NOT NULL,
	"account" text NOT NULL,
	"session_id" text NOT NULL,
	"opening_id" text NOT NULL,
	"role" text NOT NULL,
	"created_at" bigint NOT NULL,
	"expires_at" bigint NOT NULL,
	"consumed_at" bigint
);
--> statement-breakpoint
CREATE TABLE "trust_anchors" (
	"cert_sha256" text PRIMARY KEY NOT NULL,
	"label" text NOT NULL,
	"certificate" "bytea" NOT NULL,
	"purposes" text[] NOT NULL,
	"rule" jsonb NOT NULL,
	"effective_from_at" bigint NOT NULL,
	"effective_until_at" bigint,
	"added_by" text NOT NULL,
	"added_at" bigint NOT NULL,
	CONSTRAINT "trust_anchors_dates" CHECK ("trust_anchors"."effective_until_at" > "trust_anchors"."effective_from_at")
);
--> statement-breakpoint
CREATE TABLE "checkpoints" (
	"origin" text NOT NULL,
	"size" bigint NOT NULL,
	"note" text NOT NULL,
	CONSTRAINT "checkpoints_origin_size_pk" PRIMARY KEY("origin","size"),
	CONSTRAINT "checkpoints_size" CHECK ("checkpoints"."size" >= 0)
);
--> statement-breakpoint
CREATE TABLE "disclosures" (
	"origin" text NOT NULL,
	"seq" bigint NOT NULL,
	"field" text NOT NULL,
	"disclosure" text NOT NULL,
	CONSTRAINT "disclosures_origin_seq_field_pk" PRIMARY KEY("origin","seq","field")
);
--> statement-breakpoint
CREATE TABLE "entries" (
	"origin" text NOT NULL,
	"seq" bigint NOT NULL,
	"bytes" "bytea" NOT NULL,
	"leaf_hash" "bytea" NOT NULL,
	CONSTRAINT "entries_origin_seq_pk" PRIMARY KEY("origin","seq"),
	CONSTRAINT "entries_seq" CHECK ("entries"."seq" >= 0),
	CONSTRAINT "entries_bytes" CHECK (octet_length("entries"."bytes") BETWEEN 1 AND 65535),
	CONSTRAINT "entries_leaf_hash" CHECK (octet_length("entries"."leaf_hash") = 32)
);
--> statement-breakpoint
CREATE TABLE "ledger_heads" (
	"origin" text NOT NULL,
	"size" bigint NOT NULL,
	"ledger_seq" bigint NOT NULL,
	CONSTRAINT "ledger_heads_origin_size_pk" PRIMARY KEY("origin","size")
);
--> statement-breakpoint
CREATE TABLE "logs" (
	"origin" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"opening_id" text,
	"size" bigint NOT NULL,
	"frontier" "bytea" NOT NULL,
	"root" "bytea" NOT NULL,
	CONSTRAINT "logs_kind" CHECK ("logs"."kind" IN ('opening', 'ledger', 'access')),
	CONSTRAINT "logs_opening" CHECK (("logs"."kind" = 'opening') = ("logs"."opening_id" IS NOT NULL)),
	CONSTRAINT "logs_size" CHECK ("logs"."size" >= 0),
	CONSTRAINT "logs_frontier" CHECK (octet_length("logs"."frontier") = 32 * length(replace("logs"."size"::bit(64)::text, '0', ''))),
	CONSTRAINT "logs_root" CHECK (octet_length("logs"."root") = 32)
);
--> statement-breakpoint
CREATE TABLE "nodes" (
	"origin" text NOT NULL,
	"level" integer NOT NULL,
	"index" bigint NOT NULL,
	"hash" "bytea" NOT NULL,
	CONSTRAINT "nodes_origin_level_index_pk" PRIMARY KEY("origin","level","index"),
	CONSTRAINT "nodes_level" CHECK ("nodes"."level" BETWEEN 1 AND 52),
	CONSTRAINT "nodes_index" CHECK ("nodes"."index" >= 0),
	CONSTRAINT "nodes_hash" CHECK (octet_length("nodes"."hash") = 32)
);
--> statement-breakpoint
CREATE TABLE "commands" (
	"opening_id" text NOT NULL,
	"actor" text NOT NULL,
	"command_id" text NOT NULL,
	"content_sha256" "bytea" NOT NULL,
	"outcome" text NOT NULL,
	CONSTRAINT "commands_opening_id_actor_command_id_pk" PRIMARY KEY("opening_id","actor","command_id"),
	CONSTRAINT "commands_content_sha256" CHECK (octet_length("commands"."content_sha256") = 32)
);
--> statement-breakpoint
CREATE TABLE "heartbeats" (
	"process_id" text PRIMARY KEY NOT NULL,
	"at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "intake" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "intake_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"opening_id" text NOT NULL,
	"received_at" bigint NOT NULL,
	"kind" text NOT NULL,
	"content" "bytea" NOT NULL,
	"decided" boolean DEFAULT false NOT NULL
);
--> statement-breakpoint
CREATE TABLE "openings" (
	"id" text PRIMARY KEY NOT NULL,
	"title" text NOT NULL,
	"phase" text NOT NULL,
	"deadline_at" bigint NOT NULL,
	"opening_at" bigint NOT NULL,
	"created_at" bigint NOT NULL,
	CONSTRAINT "openings_deadline_is_opening" CHECK ("openings"."deadline_at" = "openings"."opening_at")
);
--> statement-breakpoint
CREATE TABLE "register_acts" (
	"id" text PRIMARY KEY NOT NULL,
	"opening_id" text NOT NULL,
	"n" bigint NOT NULL,
	"at" bigint NOT NULL,
	"received_at" bigint NOT NULL,
	"type" text NOT NULL,
	"disclosure" text NOT NULL,
	CONSTRAINT "register_acts_dense" UNIQUE("opening_id","n"),
	CONSTRAINT "register_acts_n" CHECK ("register_acts"."n" >= 0),
	CONSTRAINT "register_acts_received_first" CHECK ("register_acts"."received_at" <= "register_acts"."at")
);
--> statement-breakpoint
CREATE TABLE "register_batch_members" (
	"batch" bigint NOT NULL,
	"position" integer NOT NULL,
	"act_id" text NOT NULL,
	CONSTRAINT "register_batch_members_batch_position_pk" PRIMARY KEY("batch","position"),
	CONSTRAINT "register_batch_members_act_id_unique" UNIQUE("act_id"),
	CONSTRAINT "register_batch_members_position" CHECK ("register_batch_members"."position" >= 0)
);
--> statement-breakpoint
CREATE TABLE "register_batches" (
	"batch" bigint PRIMARY KEY NOT NULL,
	"seed" "bytea" NOT NULL,
	"root" "bytea" NOT NULL,
	"ledger_seq" bigint NOT NULL,
	CONSTRAINT "register_batches_ledger_seq_unique" UNIQUE("ledger_seq"),
	CONSTRAINT "register_batches_batch" CHECK ("register_batches"."batch" >= 0),
	CONSTRAINT "register_batches_seed" CHECK (octet_length("register_batches"."seed") = 32),
	CONSTRAINT "register_batches_root" CHECK (octet_length("register_batches"."root") = 32)
);
--> statement-breakpoint
CREATE TABLE "decryptions" (
	"id" text PRIMARY KEY NOT NULL,
	"opening_id" text NOT NULL,
	"bid_id" text NOT NULL,
	"received_at" bigint NOT NULL,
	"statement" text NOT NULL,
	"jwe" text NOT NULL,
	"state" text DEFAULT 'received' NOT NULL,
	"outcome" text,
	CONSTRAINT "decryptions_state" CHECK ("decryptions"."state" IN ('received', 'verified', 'failed')),
	CONSTRAINT "decryptions_outcome" CHECK (("decryptions"."state" = 'received') = ("decryptions"."outcome" IS NULL))
);
--> statement-breakpoint
CREATE TABLE "envelopes" (
	"id" text PRIMARY KEY NOT NULL,
	"opening_id" text NOT NULL,
	"account" text NOT NULL,
	"file" text NOT NULL,
	"sha256" "bytea" NOT NULL,
	"size_bytes" bigint NOT NULL,
	"header" "bytea" NOT NULL,
	"lodged_at" bigint NOT NULL,
	"statement" text NOT NULL,
	CONSTRAINT "envelopes_file_unique" UNIQUE("file"),
	CONSTRAINT "envelopes_sha256" CHECK (octet_length("envelopes"."sha256") = 32),
	CONSTRAINT "envelopes_size_bytes" CHECK ("envelopes"."size_bytes" > 0)
);
--> statement-breakpoint
CREATE TABLE "window_keys" (
	"opening_id" text NOT NULL,
	"kid" text NOT NULL,
	"public_jwk" text NOT NULL,
	"wrapped_private" "bytea",
	CONSTRAINT "window_keys_opening_id_kid_pk" PRIMARY KEY("opening_id","kid")
);
--> statement-breakpoint
ALTER TABLE "assignments" ADD CONSTRAINT "assignments_account_accounts_id_fk" FOREIGN KEY ("account") REFERENCES "public"."accounts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "encryption_certificates" ADD CONSTRAINT "encryption_certificates_account_accounts_id_fk" FOREIGN KEY ("account") REFERENCES "public"."accounts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_account_accounts_id_fk" FOREIGN KEY ("account") REFERENCES "public"."accounts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "checkpoints" ADD CONSTRAINT "checkpoints_origin_logs_origin_fk" FOREIGN KEY ("origin") REFERENCES "public"."logs"("origin") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "disclosures" ADD CONSTRAINT "disclosures_origin_seq_entries_origin_seq_fk" FOREIGN KEY ("origin","seq") REFERENCES "public"."entries"("origin","seq") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "entries" ADD CONSTRAINT "entries_origin_logs_origin_fk" FOREIGN KEY ("origin") REFERENCES "public"."logs"("origin") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "ledger_heads" ADD CONSTRAINT "ledger_heads_origin_logs_origin_fk" FOREIGN KEY ("origin") REFERENCES "public"."logs"("origin") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "nodes" ADD CONSTRAINT "nodes_origin_logs_origin_fk" FOREIGN KEY ("origin") REFERENCES "public"."logs"("origin") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "register_batch_members" ADD CONSTRAINT "register_batch_members_batch_register_batches_batch_fk" FOREIGN KEY ("batch") REFERENCES "public"."register_batches"("batch") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "register_batch_members" ADD CONSTRAINT "register_batch_members_act_id_register_acts_id_fk" FOREIGN KEY ("act_id") REFERENCES "public"."register_acts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "decryptions" ADD CONSTRAINT "decryptions_bid_id_envelopes_id_fk" FOREIGN KEY ("bid_id") REFERENCES "public"."envelopes"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "accounts_credit_code" ON "accounts" USING btree ("credit_code");--> statement-breakpoint
CREATE UNIQUE INDEX "assignments_once" ON "assignments" USING btree ("opening_id","account","role") WHERE "assignments"."withdrawn_at" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "assignments_never_host_and_witness" ON "assignments" USING btree ("opening_id","person") WHERE "assignments"."withdrawn_at" is null and "assignments"."role" in ('host', 'witness');--> statement-breakpoint
CREATE INDEX "challenges_expires_at" ON "challenges" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "dpop_seen_expires_at" ON "dpop_seen" USING btree ("expires_at");--> statement-breakpoint
CREATE UNIQUE INDEX "sessions_jkt" ON "sessions" USING btree ("jkt");--> statement-breakpoint
CREATE INDEX "sessions_account" ON "sessions" USING btree ("account");--> statement-breakpoint
CREATE INDEX "tickets_expires_at" ON "tickets" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "ledger_heads_seq" ON "ledger_heads" USING btree ("ledger_seq");--> statement-breakpoint
CREATE UNIQUE INDEX "logs_one_per_opening" ON "logs" USING btree ("opening_id");--> statement-breakpoint
CREATE INDEX "intake_undecided" ON "intake" USING btree ("opening_id","received_at","id") WHERE NOT "intake"."decided";--> statement-breakpoint
CREATE INDEX "openings_phase" ON "openings" USING btree ("phase");--> statement-breakpoint
CREATE INDEX "openings_created_at" ON "openings" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "decryptions_bid" ON "decryptions" USING btree ("bid_id");--> statement-breakpoint
CREATE INDEX "decryptions_waiting" ON "decryptions" USING btree ("received_at","id") WHERE "decryptions"."state" = 'received';--> statement-breakpoint
CREATE INDEX "envelopes_opening" ON "envelopes" USING btree ("opening_id","account");