-- Why: what was erased must be gone everywhere: an act of the register keeps its leaf hash without its text, and what takes long to look for is swept later.
CREATE TABLE "erasure_leftovers" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "erasure_leftovers_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"kind" text NOT NULL,
	"key" text NOT NULL,
	CONSTRAINT "erasure_leftovers_kind" CHECK ("erasure_leftovers"."kind" IN ('intake', 'login', 'sessions', 'judgement'))
);
--> statement-breakpoint
ALTER TABLE "register_acts" ADD COLUMN "leaf" "bytea";--> statement-breakpoint
ALTER TABLE "register_acts" ADD CONSTRAINT "register_acts_leaf" CHECK (("register_acts"."disclosure" = '') = ("register_acts"."leaf" IS NOT NULL) AND octet_length("register_acts"."leaf") = 32);