/** A monitor's address that only remembers what was reported to it. */
import { serveReports } from '../../server/cli/monitor/report-server.ts';
import type { Verdict } from '../../server/core/log/head-report.ts';
import { systemWorld } from '../../server/world.ts';

type Teardown = { teardown(act: () => Promise<void>): void };

export type ReportStub = {
  readonly url: string;
  readonly notes: string[];
  /** What it answers from now on. */
  say(verdict: Verdict): void;
};

export async function reportStub(t: Teardown): Promise<ReportStub> {
  const notes: string[] = [];
  let said: Verdict = 'known';
  const take = async (note: string): Promise<Verdict> => {
    notes.push(note);
    return said;
  };
  const server = await serveReports({ host: '127.0.0.1', port: 0 }, take, systemWorld, () => undefined);
  t.teardown(server.close);
  return {
    url: server.url,
    notes,
    say(verdict) {
      said = verdict;
    },
  };
}
