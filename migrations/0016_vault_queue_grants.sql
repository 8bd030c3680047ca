-- Why: a hint that is written anew each second; nothing of it is evidence.

GRANT SELECT, INSERT, UPDATE, DELETE ON vault_queues TO kaibiao_app;
