/** A monitor's address that only remembers what was reported to it. */
import { serveReports } from '../../server/cli/monitor/report-server.ts';
import type { VerdictAnswer } from '../../server/core/log/head-report.ts';
import { systemWorld } from '../../server/world.ts';

type Teardown = { teardown(act: () => Promise<void>): void };

export type ReportStub = {
  readonly url: string;
  readonly notes: string[];
  /** What it answers from now on. */
  say(verdict: VerdictAnswer['verdict'], evidence?: string[]): void;
};

export async function reportStub(t: Teardown): Promise<ReportStub> {
  const notes: string[] = [];
  let said: VerdictAnswer = { verdict: 'known' };
  const take = async (note: string): Promise<VerdictAnswer> => {
    notes.push(note);
    return said;
  };
  const server = await serveReports({ host: '127.0.0.1', port: 0 }, take, systemWorld, () => undefined);
  t.teardown(server.close);
  return {
    url: server.url,
    notes,
    say(verdict, evidence) {
      said = { verdict, ...(evidence && { evidence }) };
    },
  };
}
