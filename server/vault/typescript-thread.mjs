/** Starts a thread whose script is TypeScript: threads do not inherit the loader of their process. Built output does not need it. */
import { workerData } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();
await import(workerData);
