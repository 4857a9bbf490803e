/** Who may do what: the one table of verbs and roles. */
import { NeoError } from '../core/errors.ts';
import { CONTROL, type ControlVerb, ROLES, type Role } from '../protocol/control.ts';
import type { Verb } from '../protocol/verbs.ts';
import type { Place } from './places.ts';
import type { Principal } from './principal.ts';

export type ObjectVerb = Exclude<Verb, 'hello' | 'help' | 'health' | 'metrics' | 'events' | 'control'>;

/** The least role for each verb of objects. */
export const LEAST_ROLE: Readonly<Record<ObjectVerb, Role>> = {
  time: 'read',
  list: 'read',
  changes: 'read',
  tree: 'read',
  ranges: 'read',
  stat: 'read',
  get: 'read',
  put: 'append',
  remove: 'prune',
};

/** Without the slots of keys nobody reads anything any more: no prune needs that they go. */
const LEAST_ROLE_TO_REMOVE: readonly (readonly [folder: string, role: Role])[] = [['keys/', 'admin']];

/** Folders that only those may write to whose objects make others vanish: signed there, but refused here first. */
const LEAST_ROLE_TO_PUT: readonly (readonly [folder: string, role: Role])[] = [
  ['removals/', 'write'],
  // What others may read.
  ['shares/', 'write'],
  ['tombs/', 'prune'],
];

/** Nothing for who may read shares alone. */
const OF_ALL: ReadonlySet<ObjectVerb> = new Set<ObjectVerb>(['changes', 'tree']);
/** What a server may do here that was let in as a replica: it stores and removes, and reads nothing. */
const OF_REPLICAS: ReadonlySet<ObjectVerb> = new Set<ObjectVerb>(['tree', 'put', 'remove']);

export function lesserRole(one: Role, other: Role): Role {
  return ROLES.indexOf(one) < ROLES.indexOf(other) ? one : other;
}

/** @param role in the target. @throws NeoError permission-denied */
export function requireRight(role: Place['role'], verb: ObjectVerb, path: string): void {
  if (role === 'replica') {
    // A server that somebody got hold of must not make what is here unreadable.
    if (OF_REPLICAS.has(verb) && !(verb === 'remove' && path.startsWith('keys/'))) return;
    throw new NeoError('permission-denied', `${verb} is not for replicas`);
  }
  const folders = { put: LEAST_ROLE_TO_PUT, remove: LEAST_ROLE_TO_REMOVE }[verb as string] ?? [];
  const inFolder = folders.find(([folder]) => path.startsWith(folder))?.[1];
  const least = inFolder ?? LEAST_ROLE[verb];
  // Of a share: what exactly may be read is looked at with each object (share-guard.ts). What else there is nobody is told there.
  const held = role === 'share' && !OF_ALL.has(verb) ? 'read' : role;
  if (held !== 'share' && ROLES.indexOf(held) >= ROLES.indexOf(least)) return;
  throw new NeoError('permission-denied', `${verb} needs the role ${least}, and this is ${role}`);
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
  if (standing === 'replica') {
    if (principal.account.isReplica && principal.device !== undefined) return;
    throw new NeoError('permission-denied', `${verb} is for servers that were let in as replicas`);
  }
  if (principal.device === undefined || principal.role !== 'admin') {
    throw new NeoError('permission-denied', `${verb} is for devices of the account that may do all`);
  }
  if (standing === 'administrator' && !principal.account.isAdministrator) {
    throw new NeoError('permission-denied', `${verb} is for administrators of the server`);
  }
}

/** By a device, or by a token that is bound to no target. */
export function isOfAdministrator(principal: Principal): boolean {
  return principal.role === 'admin' && principal.token?.target === undefined && principal.account.isAdministrator;
}

/** @throws NeoError permission-denied */
export function requireAdministrator(principal: Principal | undefined, verb: Verb): asserts principal is Principal {
  requireKnown(principal);
  if (isOfAdministrator(principal)) return;
  throw new NeoError('permission-denied', `${verb} are for administrators of the server`);
}

/** What an account needs to get a second factor, and to see that it has none. */
const BEFORE_SECOND: ReadonlySet<string> = new Set([
  'login-start',
  'login',
  'enrol',
  'whoami',
  'second-start',
  'second-confirm',
] satisfies ControlVerb[]);

/**
 * Where the server demands second factors: devices of an account without one may do nothing but get one. Tokens, which scripts have, go on.
 * @throws NeoError permission-denied
 */
export function requireSecondFactor(principal: Principal | undefined, verb: Verb | ControlVerb): void {
  const account = principal?.account;
  if (principal?.device === undefined || account?.hasSecondFactor || BEFORE_SECOND.has(verb)) return;
  // Nobody is there to type a code.
  if (account?.isReplica) return;
  throw new NeoError('permission-denied', 'this server demands a second factor, and the account has none', {
    hint: 'neo account 2fa enrol',
  });
}
