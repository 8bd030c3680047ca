-- Why: each start, export and bundle asks how the ledger's keys followed one another; without an index every entry of the ledger was read for that.

CREATE INDEX "entries_key_announced" ON "entries" USING btree ("origin","seq") WHERE position('\x2274797065223a224b6579416e6e6f756e63656422'::bytea IN "entries"."bytes") > 0;