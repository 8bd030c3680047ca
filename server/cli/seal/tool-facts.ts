/** `tool.json`: what the sealing tool knows of where a bid was sealed, for the search for similar bids; what it cannot know it calls `unknown`. */
import { networkInterfaces } from 'node:os';
import type { Json } from '../../core/log/canonical.ts';

export const TOOL_FACTS_NAME = 'tool.json';
export const TOOL_FACTS_VERSION = 1;
const UNKNOWN = 'unknown';
const NO_MAC = '00:00:00:00:00:00';

/**
 * The facts of this computer.
 *
 * Shape: network addresses of the hardware (MAC) in order, each once; Node.js cannot read processor ids, disk serials or dongles.
 * Why:   said openly to the bidder by the command line; read by supervisors and auditors only, and only after the opening.
 */
export function toolFacts(version: string): Json {
  const interfaces = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const macs = [...new Set(interfaces.map(({ mac }) => mac))].filter((mac) => mac !== NO_MAC).sort();
  return {
    v: TOOL_FACTS_VERSION,
    tool: 'kaibiao',
    toolVersion: version,
    macs: macs.length > 0 ? macs : UNKNOWN,
    processorId: UNKNOWN,
    diskSerial: UNKNOWN,
    dongleId: UNKNOWN,
    documents: UNKNOWN,
  };
}
