/** The demo's time-stamping authority: a process of its own with a root, a key and revocation lists that it makes itself. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import forge from 'node-forge';
import { utf8 } from '../../core/log/utf8.ts';
import { parsePem } from '../../core/pki/certificate.ts';
import { TAG } from '../../core/pki/der.ts';
import { EXTENSION } from '../../core/pki/extensions.ts';
import { ATTRIBUTE } from '../../core/pki/names.ts';
import { writeElement } from '../../core/seal/der.ts';
import { packageRoot } from '../../root.ts';
import { systemWorld } from '../../world.ts';
import {
  basicConstraints,
  type CertificateRequest,
  crlSigner,
  keyUsage,
  makeCertificate,
  makeKey,
  type NamePart,
  timeStampingUsage,
} from './ca.ts';
import { makeCrl, writeExtension } from './crl.ts';
import { answerTimestamp, DEMO_POLICY, refuseTimestamp } from './time-stamping.ts';
import { serveTsa } from './tsa-server.ts';

const DAY_MS = 86_400_000;
const YEARS_MS = 3_650 * DAY_MS;
const LIST_PATH = '/root.crl';
/** The file that the platform is pointed at. */
export const AUTHORITIES_FILE = 'authorities.json';

const ROOT_NAME: readonly NamePart[] = [[ATTRIBUTE.commonName, 'Demo time-stamping root, never to be trusted']];
const TSA_NAME: readonly NamePart[] = [[ATTRIBUTE.commonName, 'Demo time-stamping authority']];

/** Runs the authority until its parent closes its input; writes its root and the platform's file into the folder, then says that it is ready. */
export async function runDemoTsa(folder: string): Promise<number> {
  let stamp: (request: Uint8Array) => Uint8Array = () => refuseTimestamp('not ready');
  let list: Uint8Array | undefined;
  const served = await serveTsa({
    stamp: (request) => stamp(request),
    list: (path) => (path === LIST_PATH ? list : undefined),
  });
  const at = systemWorld.now();
  const { rootPem, key, certificate, crl } = await makeIdentity(at, `${served.url}${LIST_PATH}`);
  list = crl;
  let serial = 0;
  stamp = (request) => {
    serial += 1;
    return answerTimestamp(request, { key, certificate, chain: [] }, { at: systemWorld.now(), serial });
  };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'root.pem'), rootPem);
  const listed = [{ url: `${served.url}/`, anchors: 'root.pem', policies: [DEMO_POLICY], accuracyMs: 1_000 }];
  await writeFile(join(folder, AUTHORITIES_FILE), JSON.stringify(listed));
  process.stdout.write(`${served.url}\n`);
  await new Promise<void>((done) => process.stdin.on('end', done).resume());
  await served.close();
  return 0;
}

async function makeIdentity(at: number, listUrl: string) {
  const [rootKey, key] = await Promise.all([makeKey('p256'), makeKey('p256')]);
  const common = { issuer: ROOT_NAME, issuerKey: rootKey, notBeforeAt: at - DAY_MS, notAfterAt: at + YEARS_MS };
  const make = (subject: readonly NamePart[], own: KeyObject, serial: string, ...extensions: Extensions): string =>
    makeCertificate({ ...common, subject, serial, publicKey: createPublicKey(own), extensions });
  const rootPem = make(ROOT_NAME, rootKey, '01', basicConstraints(true), keyUsage(['keyCertSign', 'cRLSign']));
  const signing = [basicConstraints(false), keyUsage(['digitalSignature']), timeStampingUsage(), pointTo(listUrl)];
  const [root] = parsePem(rootPem);
  const [certificate] = parsePem(make(TSA_NAME, key, '02', ...signing));
  if (root === undefined || certificate === undefined) throw new Error('a certificate was made that is none');
  const dates = { thisUpdateAt: at - DAY_MS, nextUpdateAt: at + YEARS_MS };
  const crl = makeCrl({ ...dates, issuer: root.subject.full, signer: crlSigner(rootKey), entries: [], number: 1 });
  return { rootPem, key, certificate: certificate.der, crl };
}
type Extensions = CertificateRequest['extensions'];

/** cRLDistributionPoints with one address. */
function pointTo(url: string): forge.asn1.Asn1 {
  const name = writeElement(0xa0, writeElement(0xa0, writeElement(0x86, utf8(url))));
  const points = writeElement(TAG.sequence, writeElement(TAG.sequence, name));
  const extension = writeExtension(EXTENSION.crlDistributionPoints, false, points);
  return forge.asn1.fromDer(Buffer.from(extension).toString('latin1'));
}

export type DemoTsa = { readonly url: string; readonly authoritiesFile: string; close(): Promise<void> };

/** Starts the authority as a process of its own. Returns: once it is ready. Throws: Error when it ends before. */
export async function startDemoTsa(folder: string): Promise<DemoTsa> {
  const bin = join(packageRoot, 'server/cli/bin.mjs');
  const child = spawn(process.execPath, [bin, 'demo-tsa', folder], { stdio: ['pipe', 'pipe', 'inherit'], env: {} });
  const url = await firstLine(child);
  return {
    url,
    authoritiesFile: join(folder, AUTHORITIES_FILE),
    close: () =>
      new Promise<void>((done) => {
        if (child.exitCode !== null) return done();
        child.once('exit', () => done());
        child.stdin?.end();
      }),
  };
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('exit', (code) => fail(new Error(`the demo's time-stamping authority ended with ${code}`)));
    if (child.stdout !== null) createInterface({ input: child.stdout }).once('line', done);
  });
}
