-- Why: a checkpoint of the ledger that was shown is never gone back behind, whichever process is asked and however often they start.
CREATE TABLE "published_head" (
	"single" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"size" bigint NOT NULL,
	"is_held" boolean NOT NULL,
	CONSTRAINT "published_head_single" CHECK ("published_head"."single"),
	CONSTRAINT "published_head_size" CHECK ("published_head"."size" >= 1)
);
