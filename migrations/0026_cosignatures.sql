-- Why: a cosignature is evidence that the ledger only grew; all processes serve it, and one that was lost could not be had again for an old head.
CREATE TABLE "cosignatures" (
	"size" bigint NOT NULL,
	"vkey" text NOT NULL,
	"line" text NOT NULL,
	"received_at" bigint NOT NULL,
	CONSTRAINT "cosignatures_size_vkey_pk" PRIMARY KEY("size","vkey"),
	CONSTRAINT "cosignatures_size" CHECK ("cosignatures"."size" >= 1)
);
--> statement-breakpoint
CREATE INDEX "cosignatures_vkey" ON "cosignatures" USING btree ("vkey","size");