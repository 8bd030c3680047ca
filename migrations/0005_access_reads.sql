-- Why: whoever was shown something as an official finds that read again, and an auditor those of an opening.
CREATE TABLE "access_reads" (
	"seq" bigint PRIMARY KEY NOT NULL,
	"account" text NOT NULL,
	"opening_id" text,
	CONSTRAINT "access_reads_seq" CHECK ("access_reads"."seq" >= 1)
);
--> statement-breakpoint
CREATE INDEX "access_reads_account" ON "access_reads" USING btree ("account","seq");--> statement-breakpoint
CREATE INDEX "access_reads_opening" ON "access_reads" USING btree ("opening_id","seq");