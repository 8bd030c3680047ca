/** The record over HTTP: each form to whom it is due, earlier versions with their answers, and the schemas of both forms. */
import { createApp } from '../../server/http/app.ts';
import { createLogger } from '../../server/http/diagnostics.ts';
import { object, reach, recordNow } from '../support/opening-phases.ts';
import { bidder, host, type Script } from '../support/opening-script.ts';
import t from '../support/tap.ts';
import { OPENING_ID, problemIn, proofFor, setBench } from './bench.ts';

const bench = await setBench(t);
await bench.create();

/** An opening with two versions of its record: bidder 1 signed the first. */
function twoVersions(publicPrices: boolean): Script {
  const s = reach('RecordConfirm', { policy: { publicPrices } });
  s.go('SignRecord', recordNow(s), bidder(1));
  object(s, 2, true);
  return s.go('IssueRecord', { note: '更正' }, host);
}

async function hallOf(script: Script) {
  const reads: unknown[] = [];
  const app = await createApp(
    {
      ...bench.dependencies,
      recorder: { ...bench.recorder, stateOf: async () => script.state },
      ledger: {
        ...bench.dependencies.ledger,
        recordAccess: async (access) => {
          reads.push(access);
          return 0;
        },
      },
    },
    createLogger('silent') as never,
  );
  t.teardown(() => app.close());
  return { app, reads };
}

const PATH = `/openings/${OPENING_ID}/record`;
const open = twoVersions(true);
const secret = twoVersions(false);
const { app } = await hallOf(open);
const { app: secretApp, reads } = await hallOf(secret);
const asHost = async () => ({ headers: await proofFor(bench.stage, await bench.official('host'), 'GET', PATH) });

t.test('the public reads the original where prices are public', async (t) => {
  const answer = await app.inject({ url: PATH });
  t.equal(answer.statusCode, 200);
  t.match(answer.json(), {
    form: 'original',
    schema: '/schemas/opening-record',
    version: 2,
    isCurrent: true,
    sha256: open.state.record?.sha256,
    answers: [{ bidder: 1, kind: null, at: null }, { bidder: 2 }, { bidder: 3 }, { bidder: 4 }],
    record: { note: '更正', version: 2 },
  });
  t.match((await app.inject({ url: `${PATH}?form=public` })).json(), { form: 'original' }, 'there is no other');
});

t.test('an earlier version stays, with who had signed it', async (t) => {
  const answer = await app.inject({ url: `${PATH}?version=1` });
  t.match(answer.json(), { version: 1, isCurrent: false, answers: [{ bidder: 1, kind: 'signed' }, { kind: null }] });
  t.equal(problemIn(await app.inject({ url: `${PATH}?version=3` })), '404 no_such_record_version');
  t.equal(problemIn(await app.inject({ url: `${PATH}?version=0` })), '400 request_malformed');
  const none = await hallOf(reach('Announcing'));
  t.equal(problemIn(await none.app.inject({ url: PATH })), '404 no_record_yet');
});

t.test(
  'where prices are secret the public reads the form without them, and is told so when it asks for more',
  async (t) => {
    const answer = await secretApp.inject({ url: PATH });
    t.match(answer.json(), {
      form: 'public',
      schema: '/schemas/public-opening-record',
      record: { form: 'public', originalSha256: secret.state.record?.sha256 },
    });
    t.notMatch(answer.body, /quote|amount|更正/);
    t.equal(problemIn(await secretApp.inject({ url: `${PATH}?form=original` })), '403 prices_not_public');
    t.notMatch((await secretApp.inject({ url: `${PATH}?version=1` })).body, /quote|amount/);
  },
);

t.test('who takes part reads the original, and may ask for what the public sees', async (t) => {
  const original = await secretApp.inject({ url: PATH, ...(await asHost()) });
  t.match(original.json(), { form: 'original', record: { note: '更正' } });
  t.match(original.body, /amount/);
  const shown = await secretApp.inject({ url: `${PATH}?form=public`, ...(await asHost()) });
  t.match(shown.json(), { form: 'public' });
});

t.test('an official’s read of secret prices is itself recorded; of what is public it is not', async (t) => {
  reads.length = 0;
  const supervisor = await bench.official('supervisor');
  const headers = await proofFor(bench.stage, supervisor, 'GET', PATH);
  t.match((await secretApp.inject({ url: PATH, headers })).json(), { form: 'original' });
  t.match(reads, [{ what: 'record', openingId: OPENING_ID, who: { account: supervisor.account, after: 2 } }]);
  const again = await proofFor(bench.stage, supervisor, 'GET', PATH);
  await secretApp.inject({ url: `${PATH}?form=public`, headers: again });
  t.equal(reads.length, 1);
});

t.test('both forms have a schema that says what they hold', async (t) => {
  for (const name of ['opening-record', 'public-opening-record']) {
    const answer = await app.inject({ url: `/schemas/${name}` });
    t.equal(answer.headers['content-type'], 'application/schema+json; charset=utf-8');
    t.match(answer.json(), { $schema: /2020-12/, $id: name, type: 'object', properties: { lines: { type: 'array' } } });
  }
  t.equal(problemIn(await app.inject({ url: '/schemas/another' })), '400 request_malformed');
});
