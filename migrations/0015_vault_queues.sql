-- Why: who waits before the vault asks any process, and the queue is in the memory of one.
CREATE TABLE "vault_queues" (
	"opening_id" text PRIMARY KEY NOT NULL,
	"at" bigint NOT NULL,
	"waiting" text NOT NULL
);
