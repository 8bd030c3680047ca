/** Asks the browser to keep the verify page, so that it opens without a network once it was opened with one. */
import { trusted } from '../keys/worker-address.ts';

/** The page, and its worker: a browser goes by the worker's own address, not by that of its page. */
const SCOPES = ['/verify', '/assets/judge-worker'] as const;

/** Does nothing where the browser keeps no pages, as in a private window of some: the page then works for as long as it is open. */
export function keepForOffline(): void {
  const { serviceWorker } = navigator as { serviceWorker?: ServiceWorkerContainer };
  if (serviceWorker === undefined || import.meta.env.DEV) return;
  for (const scope of SCOPES)
    serviceWorker.register(trusted('/verify-offline.js'), { scope }).catch((fault: unknown) => {
      // what the browser refuses is no fault of the page: it then works for as long as it stays open
      if (!(fault instanceof DOMException || fault instanceof TypeError)) throw fault;
    });
}
