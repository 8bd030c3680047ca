-- Why: a pairing is of the moment, and nothing on a log is decided by it. Its key and the page's first message are never changed; messages are only put and taken.

REVOKE ALL ON phone_mailboxes, phone_messages FROM PUBLIC;
--> statement-breakpoint
GRANT SELECT, INSERT, DELETE ON phone_mailboxes, phone_messages TO kaibiao_app;
--> statement-breakpoint
GRANT UPDATE (phone_token_sha256, desktop_sent, phone_sent, others, expires_at, ended_by) ON phone_mailboxes TO kaibiao_app;
