-- Why: of several processes on one database one leads; whose term it is stands in one row that all of its transactions hold.
CREATE TABLE "errands" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "errands_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"kind" text NOT NULL,
	"content" text NOT NULL,
	"created_at" bigint NOT NULL,
	"answer" text
);
--> statement-breakpoint
CREATE TABLE "leadership" (
	"single" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"term" bigint NOT NULL,
	"process_id" text NOT NULL,
	"read_only" text,
	CONSTRAINT "leadership_single" CHECK ("leadership"."single"),
	CONSTRAINT "leadership_term" CHECK ("leadership"."term" > 0)
);
