/** `kaibiao preflight`: what was looked at, line by line, and what to do about what is not good. */
import { type Check, isBad } from '../../client/preflight-checks.ts';
import type { Words } from '../../core/log/words.ts';
import { PREFLIGHT_FINDINGS } from '../../core/seal/preflight-words.ts';
import { EXIT, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { preflight } from '../person/preflight.ts';
import { addressOf, enterWith, openKeys, parsePersonLoosely, readPadding } from './options.ts';

const NAMES = {
  sign: { zh: '签名证书', en: 'signing certificate' },
  encrypt: { zh: '加密证书', en: 'encryption certificate' },
  key: { zh: '私钥', en: 'private key' },
  clock: { zh: '本机时钟', en: 'clock' },
  tool: { zh: '工具版本', en: 'tool version' },
  device: { zh: '本机信息', en: 'device' },
  login: { zh: '登录', en: 'login' },
  bid: { zh: '已递交的投标', en: 'standing bid' },
} as const satisfies Record<Check['check'], Words>;

/** Runs the pre-flight. Returns: 1 when anything would keep a bid from being taken or opened. */
export async function runPreflight(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parsePersonLoosely(argv, { padding: { type: 'string' } });
  if (positionals.length > 1) throw new UsageError('It takes one <opening>, or none.');
  const { origin } = new URL(addressOf(values));
  const keys = await openKeys(values, io);
  const checks = await preflight({
    transport: { origin, world: io.world, fetch: io.fetch },
    keys,
    world: io.world,
    openingId: positionals[0] ?? null,
    keyTransport: readPadding(values.padding),
    login: () => enterWith(values, keys, io),
  });
  for (const check of checks) show(check, io);
  const isReady = !isBad(checks);
  io.out(isReady ? 'ready · 可以投标' : 'not ready · 尚不可以投标');
  return isReady ? EXIT.done : EXIT.refused;
}

function show({ check, code, said }: Check, io: Io): void {
  const name = `${NAMES[check].en} · ${NAMES[check].zh}`;
  if (code === null) {
    io.out(`good     ${name}: ${said}`);
    return;
  }
  const { severity, en, zh, fix } = PREFLIGHT_FINDINGS[code];
  io.out(`${severity === 'bad' ? 'BAD    ' : 'warning'}  ${name}: ${en} ${zh}${said === '' ? '' : ` (${said})`}`);
  io.out(`         do: ${fix.en}`);
  io.out(`         处理：${fix.zh}`);
}
