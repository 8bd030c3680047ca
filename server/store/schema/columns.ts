/** The kinds of column that the tables are made of, beside text. */
import { bigint, customType } from 'drizzle-orm/pg-core';

/** An instant, integer ms since 1970-01-01T00:00Z; never a timestamp, which would round and know zones. */
export const instant = (name: string) => bigint(name, { mode: 'number' });

/** A whole number that is safe in JavaScript. */
export const whole = (name: string) => bigint(name, { mode: 'number' });

/** Bytes as they are; the driver gives a plain Uint8Array. */
export const bytes = customType<{ data: Uint8Array }>({ dataType: () => 'bytea' });
