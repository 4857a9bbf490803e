/** Who may ask a server for what, and what is said to all others: as people are told it (docs/protocol.md), and not as the server has it. */
import { ROLES, type Role } from '../../src/protocol/control.ts';

/** What a share lets read, and no more; put below removals/, shares/ and tombs/, and removed below keys/: they count as verbs of their own. */
const SHARED = ['time', 'list share', 'ranges', 'get share', 'get reached'];
const READ = [...SHARED, 'list', 'changes', 'tree', 'ledger-find', 'ranges beyond', 'stat', 'get'];
const APPEND = [...READ, 'put'];
const WRITE = [...APPEND, 'put removals/', 'put shares/'];
const PRUNE = [...WRITE, 'put tombs/', 'remove'];
const ALL_OF_TARGET = [...PRUNE, 'remove keys/'];
const IN_TARGETS: Readonly<Record<Role, readonly string[]>> = {
  read: READ,
  append: APPEND,
  write: WRITE,
  prune: PRUNE,
  admin: ALL_OF_TARGET,
};
const ANYBODY = ['hello', 'help', 'health', 'login-start'];
/** These need the key of a device that the server does not know yet. */
const LETS_IN = ['login', 'enrol'];
const KNOWN = ['whoami', 'targets', 'usage', 'ledger-head'];
const MANAGER = [
  ...['target-create', 'target-remove', 'loss-allow', 'grants', 'grant', 'grant-remove'],
  ...['secret-set', 'second-start', 'second-confirm', 'second-remove'],
  ...['devices', 'device-invite', 'device-revoke', 'tokens', 'token-create', 'token-revoke'],
  ...['subs', 'sub-add', 'sub-set', 'sub-invite', 'sub-remove'],
  ...['ledger', 'record-put'],
];
const ADMINISTRATOR = [
  ...['users', 'user-add', 'user-set', 'user-invite', 'user-remove', 'user-usage', 'fsck', 'audit', 'shutdown'],
  ...['user-devices', 'user-device-revoke', 'user-token-revoke', 'user-grants', 'user-grant-remove'],
  ...['config', 'config-set', 'config-unset'],
  ...['keys', 'key-add', 'key-present', 'key-retire'],
  ...['replicas', 'replica-add', 'replica-remove', 'replica-compare', 'replica-invite'],
  ...['metrics', 'events'],
];
/** Servers that were let in. */
const REPLICA = ['replica-offer', 'replica-prove', 'replica-head'];
const OBJECTS = [...ALL_OF_TARGET];
/** What a device may ask for whose account lacks the second factor that the server demands, beside what anybody may. */
const BEFORE_SECOND = ['whoami', 'second-start', 'second-confirm'];
export const ALL = [...ANYBODY, ...LETS_IN, ...KNOWN, ...MANAGER, ...ADMINISTRATOR, ...REPLICA, ...OBJECTS];

/** Who may do what beside what anybody may; and what all else is refused with. */
export interface Told {
  readonly may: readonly string[];
  /** Of verbs of objects: may look into the target and do no more, may not look into it, is nobody. */
  readonly objects: 'denied' | 'no target' | 'not logged in';
  readonly controls: 'denied' | 'not logged in';
  /** Why a device is not let in by `login` and `enrol`; undefined: it is. */
  readonly letIn?: 'no key' | 'known';
  /** May read shares and nothing else of the target. */
  readonly isShare?: true;
  /** At a server that demands second factors. */
  readonly second?: 'lacks' | 'has';
}

const nobody: Told = { may: [], objects: 'not logged in', controls: 'not logged in' };
const known = { objects: 'denied', controls: 'denied', letIn: 'known' } as const;
const administrator: Told = { ...known, may: [...KNOWN, ...MANAGER, ...ADMINISTRATOR], objects: 'no target' };
export const TOLD: Readonly<Record<string, Told>> = {
  nobody: { ...nobody, letIn: 'no key' },
  'unknown device': nobody,
  ...ofRoles('token', (role) => ({ ...known, may: [...KNOWN, ...IN_TARGETS[role]], letIn: 'no key' })),
  ...ofRoles('device', ofDevice),
  ...ofRoles('grantee', (role) => ({ ...known, may: [...KNOWN, ...MANAGER, ...IN_TARGETS[role]] })),
  'sub-account': {
    ...known,
    may: [...KNOWN, ...MANAGER.filter((verb) => !['target-create', 'sub-add'].includes(verb))],
    objects: 'no target',
  },
  'other account': { ...known, may: [...KNOWN, ...MANAGER], objects: 'no target' },
  'disabled account': { ...nobody, letIn: 'known' },
  'expired account': { ...nobody, letIn: 'known' },
  'sub-account of a disabled one': { ...nobody, letIn: 'known' },
  'sub-account of an expired one': { ...nobody, letIn: 'known' },
  'expired grant': { ...known, may: [...KNOWN, ...MANAGER], objects: 'no target' },
  'grant of a disabled account': { ...known, may: [...KNOWN, ...MANAGER], objects: 'no target' },
  'grant of an expired account': { ...known, may: [...KNOWN, ...MANAGER], objects: 'no target' },
  share: { ...known, may: [...KNOWN, ...MANAGER, ...SHARED], isShare: true },
  'token of who has a share': { ...known, may: [...KNOWN, ...SHARED], letIn: 'no key', isShare: true },
  'expired share': { ...known, may: [...KNOWN, ...MANAGER], objects: 'no target' },
  'share of a disabled account': { ...known, may: [...KNOWN, ...MANAGER], objects: 'no target' },
  'share of an expired account': { ...known, may: [...KNOWN, ...MANAGER], objects: 'no target' },
  'expired token': { ...nobody, letIn: 'no key' },
  'revoked token': { ...nobody, letIn: 'no key' },
  'revoked device': { ...nobody, letIn: 'known' },
  'token of an administrator': {
    ...known,
    may: [...KNOWN, 'metrics', 'events'],
    objects: 'no target',
    letIn: 'no key',
  },
  administrator,
  // It stores whatever it has, in whatever account, and reads nothing.
  'another server': {
    ...known,
    may: [...KNOWN, ...REPLICA, 'tree', ...PRUNE.filter((verb) => !READ.includes(verb))],
  },
  ...ofRoles('device without a second factor', (role) => ({ ...ofDevice(role), second: 'lacks' })),
  'grantee without a second factor': { ...known, may: [...KNOWN, ...MANAGER, ...PRUNE], second: 'lacks' },
  'administrator without a second factor': { ...administrator, second: 'lacks' },
  // Scripts have nobody who could type a code.
  'token of an account without a second factor': {
    ...known,
    may: [...KNOWN, ...ALL_OF_TARGET],
    letIn: 'no key',
    second: 'lacks',
  },
  'device with a second factor': { ...ofDevice('admin'), second: 'has' },
  'administrator with a second factor': { ...administrator, second: 'has' },
};

function ofRoles(kind: string, toldOf: (role: Role) => Told): Readonly<Record<string, Told>> {
  return Object.fromEntries(ROLES.map((role) => [`${kind}, ${role}`, toldOf(role)]));
}

function ofDevice(role: Role): Told {
  return { ...known, may: [...KNOWN, ...IN_TARGETS[role], ...(role === 'admin' ? MANAGER : [])] };
}

export type Outcome =
  | 'done'
  | 'denied'
  | 'no target'
  | 'not logged in'
  | 'no key'
  | 'known'
  | 'not reached'
  | 'no second factor';

export function told(who: string, verb: string): Outcome {
  const of = TOLD[who] ?? nobody;
  if (ANYBODY.includes(verb)) return 'done';
  if (LETS_IN.includes(verb)) return of.letIn ?? 'done';
  if (verb === 'stat') return of.may.includes(verb) && !isToGetSecond(of, verb) ? 'done' : 'denied';
  return isToGetSecond(of, verb) ? 'no second factor' : toldOfRights(of, verb);
}

/** Devices of an account without one: of what they might do otherwise, and of a target whatever it is. */
function isToGetSecond({ second, letIn, may }: Told, verb: string): boolean {
  if (second !== 'lacks' || letIn === 'no key' || BEFORE_SECOND.includes(verb)) return false;
  return may.includes(verb) || OBJECTS.includes(verb) || verb === 'metrics';
}

function toldOfRights({ may, objects, controls, isShare }: Told, verb: string): Outcome {
  if (may.includes(verb)) return 'done';
  // Monitors have no account: how they get in is said to whoever does not.
  if (verb === 'metrics') return 'denied';
  if (isShare && READ.includes(verb) && !['changes', 'tree'].includes(verb)) return 'not reached';
  return OBJECTS.includes(verb) ? objects : controls;
}
