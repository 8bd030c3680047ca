-- Why: followers, metrics and the page say how the cosigners stand, which only the leader sees.
CREATE TABLE "cosigner_standings" (
	"vkey" text PRIMARY KEY NOT NULL,
	"state" text NOT NULL,
	"since" bigint NOT NULL,
	CONSTRAINT "cosigner_standings_state" CHECK ("cosigner_standings"."state" IN ('signs', 'silent', 'cosigner_is_ahead', 'cosigner_differs'))
);
