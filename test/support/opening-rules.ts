/** The rules as tables for people: what test/golden/rules.md holds, printed from the code alone. */
import { COMMAND_TYPES, COMMANDS, OPEN_WHILE_SUSPENDED } from '../../server/core/opening/commands.ts';
import { EVENT_TYPES, EVENTS } from '../../server/core/opening/events.ts';
import { AUDIENCES, type FieldRules } from '../../server/core/opening/field-rules.ts';
import { FITS } from '../../server/core/opening/fits.ts';
import { ORIGINS, rolesOf } from '../../server/core/opening/origins.ts';
import { PHASES, phaseCell } from '../../server/core/opening/phases.ts';
import { BOUNDED, PROFILES } from '../../server/core/opening/policy.ts';
import { REFUSAL_CODES, REFUSALS } from '../../server/core/opening/refusals.ts';
import { REGISTER_COMMAND_TYPES, REGISTER_COMMANDS, registerPhaseRefusal } from '../../server/core/opening/register.ts';
import { ASSIGNABLE, PEOPLE } from '../../server/core/opening/roles.ts';
import { sightOf } from '../../server/core/opening/visibility.ts';

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

const names = (list: readonly string[]): string => (list.length === 0 ? '–' : list.join(', '));

function cellOf(cell: string): string {
  return cell === 'yes' ? '✓' : cell;
}

/** Commands down, phases across; the phases in two halves, so that a row fits a screen. */
function phaseTables(rows: readonly string[], cell: (row: string, phase: (typeof PHASES)[number]) => string): string {
  const halves = [PHASES.slice(0, 9), PHASES.slice(9)];
  return halves
    .map((phases) =>
      table(
        ['', ...phases],
        rows.map((row) => [row, ...phases.map((phase) => cellOf(cell(row, phase)))]),
      ),
    )
    .join('\n\n');
}

function fieldsOf(withheld: Readonly<Record<string, FieldRules>>): string {
  return names(
    Object.entries(withheld).map(
      ([field, rules]) =>
        `${field} → ${rules.map((r) => `${r.to}${r.from === 'at_once' ? '' : ` from ${r.from}`}${'unless' in r ? ` unless ${r.unless}` : ''}`).join(' / ')}`,
    ),
  );
}

/** The whole text of rules.md. */
export function printRules(): string {
  const sections: readonly (readonly [string, string])[] = [
    [
      'Command × phase',
      `✓ may be asked; otherwise the refusal. Looked for in this order: role, phase, suspension, the command's own checks.\n\n${phaseTables(
        COMMAND_TYPES,
        (row, phase) => phaseCell(phase, row as (typeof COMMAND_TYPES)[number]),
      )}`,
    ],
    [
      'Commands',
      table(
        ['command', 'roles', 'signed by', 'data', 'while suspended'],
        COMMAND_TYPES.map((type) => [
          type,
          names(COMMANDS[type].roles),
          COMMANDS[type].signedBy,
          names(Object.keys(COMMANDS[type].data.properties)),
          OPEN_WHILE_SUSPENDED.has(type) ? '✓' : 'opening_is_suspended',
        ]),
      ),
    ],
    [
      'Events',
      table(
        ['event', 'from', 'actor', 'fits', 'body in clear', 'withheld → who may see it'],
        EVENT_TYPES.map((type) => [
          type,
          names(ORIGINS[type]),
          names([...new Set(rolesOf(type))]),
          FITS[type].length === 0 ? 'genesis' : names(FITS[type]),
          names(Object.keys(EVENTS[type].body.properties)),
          fieldsOf(EVENTS[type].withheld),
        ]),
      ),
    ],
    [
      'Audiences',
      `${table(
        ['audience', 'roles'],
        Object.entries(AUDIENCES).map(([name, roles]) => [name, names(roles)]),
      )}\n\n${table(
        ['role', 'sight', 'given for an opening'],
        PEOPLE.map((role) => [role, sightOf(role), ASSIGNABLE.some((r) => r === role) ? '✓' : '–']),
      )}`,
    ],
    [
      'Register command × phase',
      phaseTables(
        REGISTER_COMMAND_TYPES,
        (row, phase) => registerPhaseRefusal(row as (typeof REGISTER_COMMAND_TYPES)[number], phase) ?? 'yes',
      ),
    ],
    [
      'Register commands',
      table(
        ['command', 'signed by', 'data'],
        REGISTER_COMMAND_TYPES.map((type) => [
          type,
          REGISTER_COMMANDS[type].signedBy,
          names(Object.keys(REGISTER_COMMANDS[type].data.properties)),
        ]),
      ),
    ],
    [
      'Regime profiles',
      `${table(
        ['profile', '中文', 'English', ...BOUNDED, 'articles'],
        Object.entries(PROFILES).map(([name, p]) => [
          name,
          p.zh,
          p.en,
          ...BOUNDED.map((m) => `${p[m].min}–${p[m].max}`),
          names(Object.values(p.articles)),
        ]),
      )}\n\n${table(
        ['default', ...Object.keys(PROFILES)],
        Object.keys(PROFILES.engineering.defaults).map((member) => [
          member,
          ...Object.values(PROFILES).map((p) => String(p.defaults[member as keyof typeof p.defaults])),
        ]),
      )}`,
    ],
    [
      'Refusals',
      table(
        ['code', 'English', '中文'],
        REFUSAL_CODES.map((code) => [code, REFUSALS[code].en, REFUSALS[code].zh]),
      ),
    ],
  ];
  const intro =
    '# The rules of an opening\n\nPrinted from server/core/opening; a test holds it to the code. Do not edit by hand.';
  return `${[intro, ...sections.map(([title, text]) => `## ${title}\n\n${text}`)].join('\n\n')}\n`;
}
