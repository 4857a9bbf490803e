/** Who may do what: the one table of verbs and roles. */
import { NeoError } from '../core/errors.ts';
import { CONTROL, type ControlVerb, ROLES, type Role } from '../protocol/control.ts';
import type { Verb } from '../protocol/verbs.ts';
import type { Principal } from './principal.ts';

export type ObjectVerb = Exclude<Verb, 'hello' | 'help' | 'control'>;

/** The least role for each verb of objects. */
export const LEAST_ROLE: Readonly<Record<ObjectVerb, Role>> = {
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

export function lesserRole(one: Role, other: Role): Role {
  return ROLES.indexOf(one) < ROLES.indexOf(other) ? one : other;
}

/** @param role in the target; undefined: none. @throws NeoError permission-denied */
export function requireRight(role: Role | undefined, verb: ObjectVerb, path: string): void {
  const inFolder = verb === 'put' ? LEAST_ROLE_TO_PUT.find(([folder]) => path.startsWith(folder))?.[1] : undefined;
  const least = inFolder ?? LEAST_ROLE[verb];
  if (role !== undefined && ROLES.indexOf(role) >= ROLES.indexOf(least)) return;
  const has = role === undefined ? 'there is none here' : `this is ${role}`;
  throw new NeoError('permission-denied', `${verb} needs the role ${least}, and ${has}`);
}

/** @throws NeoError permission-denied */
export function requireKnown(principal: Principal | undefined): asserts principal is Principal {
  if (principal === undefined) {
    throw new NeoError('permission-denied', 'not logged in', { hint: 'log in: neo login neo://HOST' });
  }
}

/** @throws NeoError permission-denied */
export function requireStanding(principal: Principal | undefined, verb: ControlVerb): void {
  const { standing } = CONTROL[verb];
  if (standing === 'anybody') return;
  requireKnown(principal);
  if (standing === 'known') return;
  if (principal.device === undefined || principal.role !== 'admin') {
    throw new NeoError('permission-denied', `${verb} is for devices of the account that may do all`);
  }
  if (standing === 'administrator' && !principal.account.isAdministrator) {
    throw new NeoError('permission-denied', `${verb} is for administrators of the server`);
  }
}
