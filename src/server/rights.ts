/** Who may do what: the one table of verbs and roles. */
import { NeoError } from '../core/errors.ts';
import type { Verb } from '../protocol/verbs.ts';

/** Each may do what those before it may. */
export const ROLES = ['read', 'append', 'write', 'prune', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** The least role for each verb; undefined: anybody who is connected. */
export const LEAST_ROLE: Readonly<Record<Verb, Role | undefined>> = {
  hello: undefined,
  help: undefined,
  time: 'read',
  list: 'read',
  ranges: 'read',
  stat: 'read',
  get: 'read',
  put: 'append',
  remove: 'prune',
};

/** Folders that only those may write to whose objects make others vanish: signed there, but refused here first. */
const LEAST_ROLE_TO_PUT: readonly (readonly [folder: string, role: Role])[] = [
  ['removals/', 'write'],
  ['tombs/', 'prune'],
];

/** @throws NeoError permission-denied */
export function requireRight(role: Role | undefined, verb: Verb, path: string): void {
  const inFolder = verb === 'put' ? LEAST_ROLE_TO_PUT.find(([folder]) => path.startsWith(folder))?.[1] : undefined;
  const least = inFolder ?? LEAST_ROLE[verb];
  if (least === undefined) return;
  if (role === undefined) throw new NeoError('permission-denied', 'not logged in', { hint: 'log in: neo login URL' });
  if (ROLES.indexOf(role) >= ROLES.indexOf(least)) return;
  throw new NeoError('permission-denied', `${verb} needs the role ${least}, and this is ${role}`);
}
