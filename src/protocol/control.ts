/**
 * What is asked beside objects: who is who, who may do what, administration. Each is `POST /v1/control/NAME` with a JSON object and answers with
 * one; this table is what server, client, docs and the test of verbs and roles go by.
 */
import { hexName, integer, moment, z } from '../core/schema.ts';
import { LEDGER_CONTROL } from './ledger.ts';
import { REPLICATION_CONTROL } from './replication.ts';
import { KEY_CONTROL, lineageSchema } from './server-keys.ts';
import { SOURCES } from './settings.ts';
import { NAME } from './verbs.ts';

/** Each may do what those before it may. */
export const ROLES = ['read', 'append', 'write', 'prune', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/**
 * Who may ask: anybody who has shaken hands; who is known, by a device or a token; an account's own devices that may do all; those of an
 * administrator of the server; another server that was let in as a replica.
 */
export type Standing = 'anybody' | 'known' | 'manager' | 'administrator' | 'replica';

const name = z.string().check(z.regex(NAME));
const role = z.enum(ROLES);
const text = z.string().check(z.maxLength(200));
const code = z.string().check(z.maxLength(64));
const bytes = integer(0);
const never = z.nullable(moment);
/** Ids of devices and tokens: 16 random bytes in hex. */
const id = z.string().check(z.regex(/^[0-9a-f]{32}$/));
const nothing = z.strictObject({});

/** Argon2id (RFC 9106) of an account's secret: what the client is to do before it proves that it knows it. `memory` in KiB, salt in hex. */
export const loginKdfSchema = z.strictObject({
  salt: z.string().check(z.regex(/^[0-9a-f]{32}$/)),
  memory: integer(8, 1 << 20),
  passes: integer(1, 64),
  lanes: integer(1, 64),
});
export type LoginKdf = z.infer<typeof loginKdfSchema>;

/** `needsSecondFactor` in place of all: the secret is right, and the code of the second factor is to come with it. */
const identity = z.object({ account: name, device: id, role, isAdministrator: z.boolean() });
const invitation = z.object({ code, until: moment });
/** `share`: may read some shares in it, and nothing else. */
const placeRole = z.enum([...ROLES, 'share']);
const target = z.object({ owner: name, name, role: placeRole, bytes, objects: integer(0), created: moment });
const device = z.object({
  id,
  name: text,
  role,
  created: moment,
  seen: never,
  revoked: never,
  isThis: z.boolean(),
});
const token = z.object({
  id,
  name: text,
  target: z.nullable(z.string()),
  role,
  created: moment,
  expires: never,
  revoked: never,
});
const shareId = z.string().check(z.regex(/^[0-9a-f]{32}$/));
const grant = z.object({ target: name, to: name, share: z.nullable(shareId), role, expires: never });
const account = z.object({
  name,
  parent: z.nullable(name),
  isAdministrator: z.boolean(),
  isDisabled: z.boolean(),
  expires: never,
  quota: z.nullable(bytes),
  perObject: bytes,
  hasSecondFactor: z.boolean(),
  created: moment,
});
const usage = z.object({
  account: name,
  bytes,
  objects: integer(0),
  /** Bytes and the charges of objects. */
  used: bytes,
  quota: z.nullable(bytes),
  perObject: bytes,
  /** Bytes times hours since the account was made, charges counted. */
  byteHours: z.number(),
});
const entry = z.object({
  seq: integer(1),
  time: moment,
  account: z.nullable(text),
  device: z.nullable(text),
  action: text,
  detail: z.record(z.string(), z.unknown()),
});
const recount = z.object({
  owner: name,
  target: name,
  bytes,
  objects: integer(0),
  wasBytes: bytes,
  wasObjects: integer(0),
});
/** Of the server, as settings.ts knows them. `next` takes the place of `value` at `since`; both null: nothing does. */
const setting = z.object({
  name: text,
  value: text,
  source: z.enum(SOURCES),
  next: z.nullable(text),
  since: never,
});
/** Of an account, as an administrator sets them; what is not given stays. `null`: no limit. */
const settings = {
  isDisabled: z.optional(z.boolean()),
  isAdministrator: z.optional(z.boolean()),
  expires: z.optional(never),
  quota: z.optional(z.nullable(bytes)),
  perObject: z.optional(bytes),
};

export const CONTROL = {
  'login-start': {
    standing: 'anybody',
    help: 'how an account stretches its secret; of one that is not there as well',
    request: z.strictObject({ account: name }),
    answer: z.object({ kdf: loginKdfSchema, lineage: z.optional(lineageSchema) }),
  },
  login: {
    standing: 'anybody',
    help: 'let in the device whose key this connection has, by the secret of an account',
    request: z.strictObject({ account: name, proof: hexName, second: z.optional(code), device: text }),
    answer: z.union([identity, z.object({ needsSecondFactor: z.literal(true) })]),
  },
  enrol: {
    standing: 'anybody',
    help: 'let in the device whose key this connection has, by a code that works once',
    request: z.strictObject({ code, account: z.optional(name), device: text }),
    answer: identity,
  },
  whoami: {
    standing: 'known',
    help: 'who asks',
    request: nothing,
    answer: z.object({ account, device: z.nullable(id), token: z.nullable(id), role }),
  },
  targets: {
    standing: 'known',
    help: 'targets that one may look into',
    request: nothing,
    answer: z.object({ targets: z.array(target) }),
  },
  usage: { standing: 'known', help: 'what is stored, and what may be', request: nothing, answer: usage },

  'target-create': { standing: 'manager', help: 'make a target', request: z.strictObject({ name }), answer: nothing },
  'target-remove': {
    standing: 'manager',
    help: 'remove a target with all that is in it',
    request: z.strictObject({ name }),
    answer: z.object({ bytes, objects: integer(0) }),
  },
  'loss-allow': {
    standing: 'manager',
    help: 'for a while more of a target may be removed than the server gives up by itself',
    request: z.strictObject({ name, milliseconds: integer(0, 7 * 24 * 3_600_000) }),
    answer: nothing,
  },
  'secret-set': {
    standing: 'manager',
    help: "set the account's secret; the one that holds is proved",
    request: z.strictObject({ kdf: loginKdfSchema, proof: hexName, current: z.optional(hexName) }),
    answer: nothing,
  },
  'second-start': {
    standing: 'manager',
    help: 'begin with a second factor: its secret, to be confirmed',
    request: nothing,
    answer: z.object({ secret: text, uri: z.string().check(z.maxLength(500)) }),
  },
  'second-confirm': {
    standing: 'manager',
    help: 'from now on logins need the second factor',
    request: z.strictObject({ second: code }),
    answer: z.object({ recovery: z.array(code) }),
  },
  'second-remove': {
    standing: 'manager',
    help: 'no second factor any more',
    request: z.strictObject({ second: code }),
    answer: nothing,
  },
  devices: {
    standing: 'manager',
    help: 'devices of the account',
    request: nothing,
    answer: z.object({ devices: z.array(device) }),
  },
  'device-invite': {
    standing: 'manager',
    help: 'a code for one more device',
    request: z.strictObject({ role, until: z.optional(moment) }),
    answer: invitation,
  },
  'device-revoke': {
    standing: 'manager',
    help: 'end a device at once',
    request: z.strictObject({ id }),
    answer: nothing,
  },
  tokens: {
    standing: 'manager',
    help: 'tokens of the account',
    request: nothing,
    answer: z.object({ tokens: z.array(token) }),
  },
  'token-create': {
    standing: 'manager',
    help: 'a token for scripts',
    request: z.strictObject({ name: text, target: z.optional(name), role, expires: z.optional(moment) }),
    answer: z.object({ id, token: text }),
  },
  'token-revoke': {
    standing: 'manager',
    help: 'end a token at once',
    request: z.strictObject({ id }),
    answer: nothing,
  },
  grants: {
    standing: 'manager',
    help: 'what others may do here',
    request: nothing,
    answer: z.object({ grants: z.array(grant) }),
  },
  grant: {
    standing: 'manager',
    help: 'let another account do something in a target, or read one share of it',
    request: z.strictObject({ target: name, to: name, share: z.optional(shareId), role, expires: z.optional(moment) }),
    answer: nothing,
  },
  'grant-remove': {
    standing: 'manager',
    help: 'take it back',
    request: z.strictObject({ target: name, to: name, share: z.optional(shareId) }),
    answer: nothing,
  },
  subs: {
    standing: 'manager',
    help: 'sub-accounts',
    request: nothing,
    answer: z.object({ accounts: z.array(account) }),
  },
  'sub-add': {
    standing: 'manager',
    help: 'make a sub-account, which has no targets but what it is granted',
    request: z.strictObject({ name, expires: z.optional(moment) }),
    answer: invitation,
  },
  'sub-set': {
    standing: 'manager',
    help: 'change a sub-account',
    request: z.strictObject({ name, isDisabled: z.optional(z.boolean()), expires: z.optional(never) }),
    answer: nothing,
  },
  'sub-invite': {
    standing: 'manager',
    help: 'a code for one more device of a sub-account',
    request: z.strictObject({ name }),
    answer: invitation,
  },
  'sub-remove': {
    standing: 'manager',
    help: 'remove a sub-account',
    request: z.strictObject({ name }),
    answer: nothing,
  },

  users: {
    standing: 'administrator',
    help: 'all accounts',
    request: nothing,
    answer: z.object({ accounts: z.array(account) }),
  },
  'user-add': {
    standing: 'administrator',
    help: 'make an account, and a code for its first device',
    request: z.strictObject({
      name,
      isAdministrator: z.optional(z.boolean()),
      quota: z.optional(z.nullable(bytes)),
      perObject: z.optional(bytes),
    }),
    answer: invitation,
  },
  'user-set': {
    standing: 'administrator',
    help: 'change an account',
    request: z.strictObject({ name, ...settings }),
    answer: nothing,
  },
  'user-invite': {
    standing: 'administrator',
    help: 'a code for one more device of an account',
    request: z.strictObject({ name }),
    answer: invitation,
  },
  'user-remove': {
    standing: 'administrator',
    help: 'remove an account with all that is stored in it',
    request: z.strictObject({ name }),
    answer: z.object({ bytes, objects: integer(0) }),
  },
  'user-usage': {
    standing: 'administrator',
    help: 'what each account stores',
    request: nothing,
    answer: z.object({ usage: z.array(usage) }),
  },
  'user-devices': {
    standing: 'administrator',
    help: 'devices and tokens of an account',
    request: z.strictObject({ name }),
    answer: z.object({ devices: z.array(device), tokens: z.array(token) }),
  },
  'user-device-revoke': {
    standing: 'administrator',
    help: 'end a device of an account at once',
    request: z.strictObject({ name, id }),
    answer: nothing,
  },
  'user-token-revoke': {
    standing: 'administrator',
    help: 'end a token of an account at once',
    request: z.strictObject({ name, id }),
    answer: nothing,
  },
  'user-grants': {
    standing: 'administrator',
    help: 'what an account has granted to others, and was granted by others',
    request: z.strictObject({ name }),
    answer: z.object({ grants: z.array(z.extend(grant, { owner: name })) }),
  },
  'user-grant-remove': {
    standing: 'administrator',
    help: 'take back what an account has granted',
    request: z.strictObject({ owner: name, target: name, to: name, share: z.optional(shareId) }),
    answer: nothing,
  },
  config: {
    standing: 'administrator',
    help: 'settings that change while the server runs, and who decides each',
    request: nothing,
    answer: z.object({ settings: z.array(setting) }),
  },
  'config-set': {
    standing: 'administrator',
    help: 'decide a setting that neither a flag nor the configuration file decides',
    request: z.strictObject({ name: text, value: text }),
    answer: setting,
  },
  'config-unset': {
    standing: 'administrator',
    help: 'leave a setting to its default again',
    request: z.strictObject({ name: text }),
    answer: setting,
  },
  fsck: {
    standing: 'administrator',
    help: 'count again what is stored',
    request: nothing,
    answer: z.object({ targets: z.array(recount) }),
  },
  audit: {
    standing: 'administrator',
    help: 'who did what, the newest last',
    request: z.strictObject({ after: z.optional(integer(0)) }),
    answer: z.object({ entries: z.array(entry) }),
  },
  ...KEY_CONTROL,
  ...LEDGER_CONTROL,
  ...REPLICATION_CONTROL,
  shutdown: { standing: 'administrator', help: 'end the server in good order', request: nothing, answer: nothing },
} as const satisfies Readonly<
  Record<
    string,
    {
      readonly standing: Standing;
      readonly help: string;
      readonly request: z.ZodMiniType;
      readonly answer: z.ZodMiniType;
    }
  >
>;

export type ControlVerb = keyof typeof CONTROL;
export type ControlRequest<V extends ControlVerb> = z.infer<(typeof CONTROL)[V]['request']>;
export type ControlAnswer<V extends ControlVerb> = z.infer<(typeof CONTROL)[V]['answer']>;

export function isControlVerb(text: string): text is ControlVerb {
  return Object.hasOwn(CONTROL, text);
}
