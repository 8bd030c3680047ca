-- Why: an act refused a hundred times over is one row with its count, not a hundred rows of the intake.
CREATE TABLE "repeated_refusals" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "repeated_refusals_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"opening_id" text NOT NULL,
	"account" text NOT NULL,
	"type" text NOT NULL,
	"code" text NOT NULL,
	"count" integer NOT NULL,
	"first_at" bigint NOT NULL,
	"last_at" bigint NOT NULL,
	CONSTRAINT "repeated_refusals_count" CHECK ("repeated_refusals"."count" > 1),
	CONSTRAINT "repeated_refusals_in_order" CHECK ("repeated_refusals"."first_at" <= "repeated_refusals"."last_at")
);
--> statement-breakpoint
CREATE INDEX "repeated_refusals_opening" ON "repeated_refusals" USING btree ("opening_id");