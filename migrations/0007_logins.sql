-- Why: a login is stored once, however many acts its session gave: it was two thirds of what an act took on the disk.
CREATE TABLE "logins" (
	"sha256" "bytea" PRIMARY KEY NOT NULL,
	"login" text NOT NULL,
	CONSTRAINT "logins_sha256" CHECK (octet_length("logins"."sha256") = 32)
);
--> statement-breakpoint
ALTER TABLE "disclosures" ADD COLUMN "login_sha256" "bytea";--> statement-breakpoint
ALTER TABLE "intake" ADD COLUMN "login_sha256" "bytea";