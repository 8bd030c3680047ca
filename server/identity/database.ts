/** What identity needs of the database: its tables by drizzle; a transaction will do as well. */
import type { Database } from '../store/connect.ts';

export type Db = Pick<Database['db'], 'select' | 'insert' | 'update' | 'delete' | 'execute' | 'transaction'>;
