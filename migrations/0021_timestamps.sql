-- Why: a platform's own clock proves nothing to others; what an authority says of when the ledger stood so is kept with all that it takes to judge it again.
CREATE TABLE "timestamps" (
	"ledger_size" bigint NOT NULL,
	"note" text NOT NULL,
	"authority" text NOT NULL,
	"stamped_at" bigint NOT NULL,
	"accuracy_ms" integer,
	"policy" text NOT NULL,
	"serial" text NOT NULL,
	"response" "bytea" NOT NULL,
	"path" "bytea" NOT NULL,
	"crls" "bytea" NOT NULL,
	"revocation" text NOT NULL,
	"received_at" bigint NOT NULL,
	CONSTRAINT "timestamps_ledger_size_authority_pk" PRIMARY KEY("ledger_size","authority"),
	CONSTRAINT "timestamps_ledger_size" CHECK ("timestamps"."ledger_size" >= 1),
	CONSTRAINT "timestamps_revocation" CHECK ("timestamps"."revocation" IN ('good', 'undetermined'))
);
