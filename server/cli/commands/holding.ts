/** `kaibiao hold`, `deal`, `unseal` and `opening-key`: the opening key's shares, from the offer of a key to the share given back. */

import { writeFile } from 'node:fs/promises';
import { openingCertificateIn } from '../../client/dealt-key.ts';
import { toBase64, toBase64Url } from '../../core/log/base64.ts';
import { HOLDING_ROLES, type HoldingRole } from '../../core/opening/layer-commands.ts';
import { sha256 } from '../../hash.ts';
import { EXIT, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { acknowledge, deal, giveShare, offerKey } from '../person/holding.ts';
import { catchUp } from '../person/read-opening.ts';
import { enter, parsePerson, readRole } from './options.ts';

const role = { type: 'string' } as const;

/** Offers a key, or with --acknowledge checks the share dealt to it and says so. */
export async function hold(argv: readonly string[], io: Io): Promise<number> {
  const options = { role, acknowledge: { type: 'boolean', default: false } } as const;
  const { values, positionals } = parsePerson(argv, ['opening'], options);
  const [openingId = ''] = positionals;
  const holding = readHoldingRole(values.role);
  const person = await enter(values, io);
  if (!values.acknowledge) {
    const { seq, body } = await offerKey(person, openingId, holding);
    io.out(`entry ${seq}: you are holder ${String(body['holder'])} · 您是持有人 ${String(body['holder'])}`);
    io.out(`  the key is kept in ${person.folder.path}; without it the share is lost · 私钥已留存，遗失则份额失效`);
    return EXIT.done;
  }
  const acknowledged = await acknowledge(person, openingId, holding);
  io.out(
    acknowledged === null
      ? 'acknowledged before · 此前已确认'
      : `entry ${acknowledged.seq}: the share is what was dealt, acknowledged · 份额核对无误，已确认`,
  );
  return EXIT.done;
}

/** Makes an opening key on this machine and deals it to its holders. */
export async function dealKey(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parsePerson(argv, ['opening'], { role, holders: { type: 'string' } } as const);
  const [openingId = ''] = positionals;
  const dealing = readRole(values.role, 'tenderer');
  if (dealing !== 'tenderer' && dealing !== 'host') throw new UsageError('--role is tenderer or host.');
  const numbers = values.holders === undefined ? null : readNumbers(values.holders);
  const { seq, body } = await deal(await enter(values, io), openingId, dealing, numbers);
  const name = String(body['certSha256'] ?? body['kid']);
  io.out(`entry ${seq}: opening key ${name} dealt, kept nowhere · 开标密钥已分发，未在任何地方留存`);
  return EXIT.done;
}

/** Gives one's share. Returns: 1 when it is not what was dealt. */
export async function unseal(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parsePerson(argv, ['opening'], { role });
  const [openingId = ''] = positionals;
  const holding = readHoldingRole(values.role);
  const { seq, type } = await giveShare(await enter(values, io), openingId, holding);
  io.out(`entry ${seq} ${type}: proven · 已证明`);
  if (type === 'LayerShareGiven') return EXIT.done;
  io.err('The share is not what was dealt; it may be sent again · 份额与分发时不符，可重新提交。');
  return EXIT.refused;
}

/** Writes the certificate that bids are sealed to, as this person's verified copy of the log has it. Returns: 1 when there is no second layer. */
export async function writeOpeningKey(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parsePerson(argv, ['opening'], { out: { type: 'string' } } as const);
  if (values.out === undefined) throw new UsageError('--out is missing: where the certificate is written.');
  const certificate = openingCertificateIn(sha256, await catchUp(await enter(values, io), positionals[0] ?? ''));
  if (certificate === undefined) {
    io.err(
      'The policy promises no second layer: seal to your own key alone · 规则未规定招标人解密，仅以本人密钥加密即可。',
    );
    return EXIT.refused;
  }
  const lines = toBase64(certificate).match(/.{1,64}/gu) ?? [];
  await writeFile(values.out, `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`);
  io.out(`${values.out}: SHA-256 ${toBase64Url(sha256(certificate))}`);
  return EXIT.done;
}

function readHoldingRole(text: string | undefined): HoldingRole {
  const found = HOLDING_ROLES.find((name) => name === (text ?? 'tenderer'));
  if (found === undefined) throw new UsageError(`--role is one of ${HOLDING_ROLES.join(', ')}.`);
  return found;
}

function readNumbers(text: string): number[] {
  const numbers = text.split(',').map(Number);
  if (!numbers.every((number) => Number.isSafeInteger(number) && number > 0))
    throw new UsageError('--holders is a list of numbers: 1,2,4.');
  return numbers;
}
