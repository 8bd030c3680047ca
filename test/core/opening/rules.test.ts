/**
 * The rules as people read them: test/golden/rules.md is what the code says, and the tables agree with each other.
 * Written anew by `npm run snap -- test/core/opening/rules.test.ts` (or TAP_SNAPSHOT=1 node --import=tsx <this file>).
 */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { COMMAND_TYPES, COMMANDS, type CommandType } from '../../../server/core/opening/commands.ts';
import { EVENT_TYPES, EVENTS } from '../../../server/core/opening/events.ts';
import { fitsField } from '../../../server/core/opening/fields.ts';
import { FITS } from '../../../server/core/opening/fits.ts';
import { isMachine, ORIGINS, type Origin, rolesOf } from '../../../server/core/opening/origins.ts';
import { PHASES, phaseCell } from '../../../server/core/opening/phases.ts';
import { BOUNDED, isBlindTwice, PROFILES, unlawfulMember } from '../../../server/core/opening/policy.ts';
import { REFUSAL_CODES, REFUSALS } from '../../../server/core/opening/refusals.ts';
import { packageRoot } from '../../../server/root.ts';
import { printRules } from '../../support/opening-rules.ts';
import t from '../../support/tap.ts';

const golden = join(packageRoot, 'test/golden/rules.md');

t.test('rules.md says what the code says', async (t) => {
  const text = printRules();
  if (process.env['TAP_SNAPSHOT'] === '1') await writeFile(golden, text);
  t.equal(await readFile(golden, 'utf8'), text);
});

t.test('every refusal has a sentence in each language, ending like one', async (t) => {
  for (const code of REFUSAL_CODES) {
    t.match(code, /^[a-z][a-z_]*[a-z]$/);
    t.match(REFUSALS[code].en, /^[A-Z].*\.$/, code);
    t.match(REFUSALS[code].zh, /^[^A-Za-z].*。$/, code);
  }
  for (const words of [REFUSAL_CODES.map((c) => REFUSALS[c].en), REFUSAL_CODES.map((c) => REFUSALS[c].zh)])
    t.equal(new Set(words).size, words.length, 'no two refusals say the same');
});

t.test('an event fits only where one of its commands may be asked', async (t) => {
  // the seal fails the tender in the phase it has just entered; what was objected early enters right behind the roster or the end
  const follows: Record<string, string[]> = {
    TenderFailed: ['Sealed'],
    ObjectionRaised: ['RosterPublished', 'Failed', 'Aborted'],
    AttributionProposed: ['Attribution'],
  };
  for (const type of EVENT_TYPES) {
    const all: readonly Origin[] = ORIGINS[type];
    const origins = all.filter((o) => o !== 'CreateOpening');
    for (const phase of FITS[type]) {
      const isAsked = origins.some((origin) => phaseCell(phase, origin) === 'yes');
      t.ok(isAsked || follows[type]?.includes(phase), `${type} in ${phase}`);
    }
  }
});

t.test('where a command may be asked, each of its events fits', async (t) => {
  // the second event of one decision finds the phase that the first one entered; a mixed origin goes by its own phases
  const second = [
    'TenderFailed',
    'AttributionProposed',
    'ObjectionRaised',
    'OpeningSuspended',
    'OpeningResumed',
    'ResumeProposed',
    'SaidInPrivate',
  ];
  for (const type of EVENT_TYPES.filter((e) => !second.includes(e)))
    for (const origin of ORIGINS[type] as readonly Origin[])
      for (const phase of PHASES)
        if (origin !== 'CreateOpening' && phaseCell(phase, origin) === 'yes')
          t.ok(FITS[type].includes(phase), `${type} in ${phase}`);
});

t.test('every command that is built leads to an event, and every event to a command', async (t) => {
  const leading = new Set(EVENT_TYPES.flatMap((type): readonly string[] => ORIGINS[type]));
  for (const type of COMMAND_TYPES) {
    const isBuilt = PHASES.some((phase) => phaseCell(phase, type) === 'yes');
    t.equal(leading.has(type), isBuilt, type);
  }
});

t.test('people sign, machines do not; an event by people alone withholds who, source and act', async (t) => {
  for (const type of COMMAND_TYPES) {
    const { roles, signedBy } = COMMANDS[type];
    t.equal(signedBy === 'none', roles.every(isMachine), type);
    t.equal(roles.some(isMachine), roles.every(isMachine), `${type} is not shared by people and machines`);
  }
  for (const type of EVENT_TYPES) {
    const fields = Object.keys(EVENTS[type].withheld);
    if (rolesOf(type).every(isMachine) && type !== 'AttemptRefused') t.notOk(fields.includes('who'), type);
    else for (const field of ['who', 'source', 'act']) t.ok(fields.includes(field), `${type} ${field}`);
  }
});

t.test('every command may be asked somewhere', async (t) => {
  for (const type of COMMAND_TYPES) {
    const cells = PHASES.map((phase) => phaseCell(phase, type));
    t.ok(cells.includes('yes'), type);
  }
});

t.test('after the end nothing may be asked but to erase, and to be one of the two who do', async (t) => {
  const erasing: readonly CommandType[] = ['ProposeErasure', 'ConfirmErasure', 'AssignRole'];
  for (const type of COMMAND_TYPES)
    t.equal(phaseCell('Archived', type), erasing.includes(type) ? 'yes' : 'opening_is_over', type);
});

t.test('every profile has lawful defaults', async (t) => {
  for (const [name, profile] of Object.entries(PROFILES)) {
    t.equal(unlawfulMember(name as keyof typeof PROFILES, profile.defaults), null, name);
    t.notOk(isBlindTwice(profile.defaults), name);
  }
});

t.test('one step outside a profile is unlawful, on both sides of each range', async (t) => {
  for (const [name, profile] of Object.entries(PROFILES))
    for (const member of BOUNDED) {
      const { min, max } = profile[member];
      const judge = (value: number) =>
        unlawfulMember(name as keyof typeof PROFILES, { ...profile.defaults, [member]: value });
      t.same(
        [judge(min), judge(max), judge(min - 1), judge(max + 1)],
        [null, null, member, member],
        `${name} ${member}`,
      );
    }
});

t.test('a second layer and a blind window are each enough, and never both', async (t) => {
  const rules = { holders: 3, threshold: 2, windowMs: 600_000 };
  t.notOk(isBlindTwice({ tendererLayer: rules, blindWindow: false }));
  t.notOk(isBlindTwice({ tendererLayer: false, blindWindow: rules }));
  t.ok(isBlindTwice({ tendererLayer: rules, blindWindow: rules }));
});

t.test('disclosed values that the fold keeps have a shape', async (t) => {
  t.ok(fitsField('RosterPublished', 'numbers', [2, 1]));
  t.notOk(fitsField('RosterPublished', 'numbers', [0]));
  t.notOk(fitsField('RosterPublished', 'roster', 5));
  t.notOk(fitsField('BidsSealed', 'counts', { receipts: -1, standing: 0, replaced: 0, withdrawn: 0 }));
  t.notOk(fitsField('ObjectionRaised', 'text', ''));
  t.ok(fitsField('OpeningPublished', 'who', 'anything'), 'a field without a shape holds anything');
});
