/** `kaibiao seal`: files into an envelope that only one's own key opens, tried at once; no network, no login. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { Check } from 'typebox/schema';
import { pickCertificate } from '../../client/key-agent.ts';
import { chooseKeyTransport, profileFor } from '../../client/key-transport.ts';
import { parsePem } from '../../core/pki/certificate.ts';
import { type OpeningList, OpeningListSchema } from '../../core/seal/opening-list.ts';
import { VERSION } from '../../version.ts';
import { EXIT, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { showProgress } from '../progress.ts';
import { innerKeyFile } from '../seal/inner-key.ts';
import { sealBid } from '../seal/seal.ts';
import { toolFacts } from '../seal/tool-facts.ts';
import { KEY_OPTIONS, openKeys, readJsonFile, readPadding, readProfile } from './options.ts';

const options = {
  ...KEY_OPTIONS,
  list: { type: 'string' },
  out: { type: 'string' },
  padding: { type: 'string' },
  profile: { type: 'string' },
  store: { type: 'boolean', default: false },
  'opening-key': { type: 'string' },
} as const;

/** Seals a bid. */
export async function seal(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
  if (values.list === undefined || values.out === undefined) throw new UsageError('--list and --out are needed.');
  const padding = readPadding(values.padding);
  const profile = readProfile(values.profile);
  const openingList = await readList(values.list);
  const openingKey = values['opening-key'];
  const openingCertificate = openingKey === undefined ? undefined : await readCertificate(openingKey);
  const keys = await openKeys(values, io);
  const { certificate, certSha256 } = await pickCertificate(keys, 'unwrap', io.world.now());
  // What is read of the machine is said before it is sealed: it is searched for similar bids after the opening.
  const documents = positionals.map((path) => ({ name: basename(path).normalize('NFC'), path }));
  const facts = await toolFacts(VERSION, documents);
  io.out(`Sealed with the bid · 随投标文件加密的工具信息: ${JSON.stringify(facts)}`);
  const keyTransport = chooseKeyTransport(certificate, padding);
  const shown = showProgress(io);
  const promises = await sealBid({
    openingList,
    documents,
    toolFacts: facts,
    certificate: certificate.der,
    keyTransport,
    profile: profile ?? profileFor(keyTransport),
    compress: !values.store,
    out: values.out,
    unwrap: await keys.unwrapper(certSha256),
    randomBytes: io.world.randomBytes,
    progress: shown.at,
    ...(openingCertificate && { openingCertificate }),
  }).finally(shown.end);
  io.out(`${values.out}: ${promises.envelopeBytes} bytes, SHA-256 ${promises.envelopeSha256}`);
  if (openingCertificate !== undefined)
    io.out(
      `${innerKeyFile(values.out)}: lodging needs it beside the envelope; delete it once the bid is lodged · 递交时须与信封放在一起，递交后请删除`,
    );
  io.out('It opens with your key; keep the key, nobody else can open it. · 已用您的私钥试解成功；请妥善保管私钥。');
  return EXIT.done;
}

async function readCertificate(path: string): Promise<Uint8Array> {
  const [first] = parsePem(await readFile(path, 'utf8'));
  if (first === undefined) throw new UsageError(`${path} holds no certificate.`);
  return first.der;
}

async function readList(path: string): Promise<OpeningList> {
  const list = await readJsonFile(path);
  if (!Check(OpeningListSchema, list)) throw new UsageError(`${path} is no opening list (开标一览表).`);
  return list;
}
