/** What the openings of the tests are about, where it does not matter: one lot of a road. */
import { formatInstant } from '../../server/core/log/instant.ts';
import type { Details } from '../../server/core/opening/details.ts';

/** The code of its lot. */
export const LOT = 'LOT-1';

/** Its details; `deadlineAt` integer ms. */
export function roadworks(deadlineAt: number): Details {
  return {
    title: '道路工程',
    project: { code: 'P-1', name: '道路工程' },
    lot: { code: LOT, name: '第一标段' },
    tenderer: '招标人',
    agency: '代理机构',
    place: '开标一室',
    deadlineAt: formatInstant(deadlineAt),
  };
}
