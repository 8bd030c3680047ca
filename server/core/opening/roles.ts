// The roles of an opening: who may stand before the recorder, and which two machines speak beside the people.

/** People's roles, in the order of the glossary. `public` only looks. */
export const PEOPLE = ['bidder', 'tenderer', 'host', 'witness', 'supervisor', 'auditor', 'operator', 'public'] as const;
export type PersonRole = (typeof PEOPLE)[number];

/** The timekeeper (`clock`) and the vault's and recorder's own findings (`platform`): they never hold a person's signature. */
export const MACHINES = ['clock', 'platform'] as const;
export type MachineRole = (typeof MACHINES)[number];

export type Role = PersonRole | MachineRole;

/** Officials whose reads of non-public data are themselves logged (20号令 art. 49; domain §3). */
export const OFFICIALS = ['witness', 'supervisor', 'auditor'] as const satisfies readonly PersonRole[];

/** Roles that a person is given for one opening; a bidder becomes one by lodging, the public by looking. */
export const ASSIGNABLE = [
  'tenderer',
  'host',
  'witness',
  'supervisor',
  'auditor',
] as const satisfies readonly PersonRole[];
export type AssignableRole = (typeof ASSIGNABLE)[number];

/** Who acts: the role in clear, and for a bidder the number the roster gave (1-based). */
export type Actor = { readonly role: Role; readonly bidder?: number };
