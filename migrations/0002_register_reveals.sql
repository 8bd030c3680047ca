-- Why: the dummies of a register batch are revealed once, and only when every opening that could have used the batch was handed over.
CREATE TABLE "register_reveals" (
	"batch" bigint PRIMARY KEY NOT NULL,
	"ledger_seq" bigint NOT NULL,
	CONSTRAINT "register_reveals_ledger_seq_unique" UNIQUE("ledger_seq")
);
--> statement-breakpoint
CREATE TABLE "register_spans" (
	"opening_id" text PRIMARY KEY NOT NULL,
	"first_batch" bigint NOT NULL,
	"last_batch" bigint,
	"ending" text,
	CONSTRAINT "register_spans_batches" CHECK ("register_spans"."first_batch" >= 0 AND "register_spans"."last_batch" >= "register_spans"."first_batch"),
	CONSTRAINT "register_spans_ending" CHECK ("register_spans"."ending" IN ('handed_over', 'failed', 'aborted')),
	CONSTRAINT "register_spans_in_order" CHECK ("register_spans"."last_batch" IS NOT NULL OR "register_spans"."ending" IS NULL)
);
--> statement-breakpoint
ALTER TABLE "register_reveals" ADD CONSTRAINT "register_reveals_batch_register_batches_batch_fk" FOREIGN KEY ("batch") REFERENCES "public"."register_batches"("batch") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "register_spans_open" ON "register_spans" USING btree ("first_batch") WHERE "register_spans"."ending" IS DISTINCT FROM 'handed_over';