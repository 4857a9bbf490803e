/**
 * Records: small signed statements, each about one subject (docs/format.md, section 8). The one with the highest counter
 * counts; of two that were made at once the stricter one.
 */
import { toHex } from '../core/bytes.ts';
import { PERIODS } from '../core/calendar.ts';
import { NeoError } from '../core/errors.ts';
import { type ClientId, clientId, type ObjectName, objectName } from '../core/ids.ts';
import { canonicalJson, canonicalText, type Json, parseJson } from '../core/json.ts';
import { byteString, hexName, integer, moment, z } from '../core/schema.ts';
import { listNamed, type ObjectFault } from './named-objects.ts';
import type { ObjectCache } from './object-cache.ts';
import type { Repository } from './repository.ts';
import { decodeSealedSigned, encodeSealedSigned } from './signed-object.ts';

const common = { v: z.literal(1), counter: integer(1), time: moment };

const span = z.string().check(z.regex(/^(?:\d{1,6}[ymwdh])+$/));
const count = z.union([integer(1), z.literal('all')]);
const VERSION_RULES = new RegExp(
  `^(?:(?:original|all|(?:last|${PERIODS.join('|')}):(?:all|[1-9]\\d{0,8}))(?:,(?!$)|$))*$`,
);
/** Strict: a rule that this version does not know may be the one by which something stays. */
const keepSchema = z.strictObject({
  last: z.optional(count),
  each: z.optional(z.partialRecord(z.enum(PERIODS), count)),
  within: z.optional(span),
  eachWithin: z.optional(z.partialRecord(z.enum(PERIODS), span)),
  tags: z.optional(z.array(z.array(z.string()))),
});

const pinSchema = z.object({
  ...common,
  type: z.literal('pin'),
  subject: hexName,
  pinned: z.boolean(),
  until: z.optional(moment),
  reason: z.optional(z.string()),
});
const policySchema = z.object({
  ...common,
  type: z.literal('policy'),
  subject: z.string(),
  host: z.optional(z.string()),
  path: z.optional(byteString),
  keep: z.nullable(keepSchema),
});
/** `rules`: as people write them, `original,last:10,daily:7`; null: none any more. */
const versionsSchema = z.object({
  ...common,
  type: z.literal('versions'),
  subject: z.string(),
  host: z.optional(z.string()),
  path: z.optional(byteString),
  rules: z.nullable(z.string().check(z.regex(VERSION_RULES))),
  deleted: z.optional(span),
});
const confirmSchema = z.object({ ...common, type: z.literal('confirm'), subject: hexName });
const revokeSchema = z.object({
  ...common,
  type: z.literal('revoke'),
  subject: z.string().check(z.regex(/^[0-9a-f]{32}$/)),
  revoked: z.boolean(),
  accepted: z.array(hexName),
});
const schema = z.discriminatedUnion('type', [pinSchema, policySchema, versionsSchema, confirmSchema, revokeSchema]);

/** What stays, as texts and numbers: spans are `2y5m7d3h`. */
export type StoredKeep = z.infer<typeof keepSchema>;
type Pin = z.infer<typeof pinSchema>;
type Policy = z.infer<typeof policySchema>;
type VersionsRecord = z.infer<typeof versionsSchema>;
type Confirmation = z.infer<typeof confirmSchema>;
type Revocation = z.infer<typeof revokeSchema>;
export type RecordBody = z.infer<typeof schema>;

/** What a maker says; the rest is filled in. */
export type NewRecord =
  | Omit<Pin, 'v' | 'counter'>
  | Omit<Policy, 'v' | 'counter' | 'subject'>
  | Omit<VersionsRecord, 'v' | 'counter' | 'subject'>
  | Omit<Confirmation, 'v' | 'counter'>
  | Omit<Revocation, 'v' | 'counter'>;

interface Listed {
  readonly name: ObjectName;
  readonly body: RecordBody;
}

/** Role full signed it, and this version does not understand it. */
interface Later {
  readonly later: ObjectName;
}

export interface RecordListing {
  /** Snapshots that somebody wants to stay; those whose time is over are among them. */
  readonly pins: ReadonlyMap<ObjectName, Pin>;
  readonly policies: readonly Policy[];
  /** Which contents of files stay when their snapshots go. */
  readonly versions: readonly VersionsRecord[];
  /** Snapshots of which somebody made sure that they are whole, though they came late. */
  readonly confirmed: ReadonlySet<ObjectName>;
  readonly revoked: ReadonlyMap<ClientId, { readonly time: number; readonly accepted: ReadonlySet<ObjectName> }>;
  readonly faults: readonly ObjectFault[];
  /** Of `faults`, what role full signed and this version does not understand: it may say that something stays. */
  readonly later: readonly ObjectName[];
  /** The highest of each subject. */
  readonly counters: ReadonlyMap<string, number>;
}

/** Every object in `records/`, authenticated. @throws NeoError unreachable */
export async function listRecords(repository: Repository, objects?: ObjectCache): Promise<RecordListing> {
  const { found, faults } = await listNamed<Listed | Later>(repository, {
    folder: 'records',
    kind: 'record',
    objects,
    open: ({ name, bytes }) => {
      const body = openRecord(repository, bytes);
      return body === undefined ? { later: name } : { name, body };
    },
  });
  const inForce = new Map<string, Listed>();
  for (const record of found) {
    if ('later' in record) continue;
    const key = keyOf(record.body);
    const other = inForce.get(key);
    if (other === undefined || isStronger(record, other)) inForce.set(key, record);
  }
  const later = found.flatMap((record) => ('later' in record ? [record.later] : [])).sort();
  const bodies = [...inForce.values()].map(({ body }) => body);
  return {
    pins: new Map(bodies.flatMap((body) => (isPin(body) && body.pinned ? [[objectName(body.subject), body]] : []))),
    policies: bodies.filter(isPolicy).filter(({ keep }) => keep !== null),
    versions: bodies.filter(isVersions).filter(({ rules }) => rules !== null),
    confirmed: new Set(bodies.flatMap((body) => (body.type === 'confirm' ? [objectName(body.subject)] : []))),
    revoked: new Map(bodies.flatMap((body) => (isRevocation(body) && body.revoked ? [revocation(body)] : []))),
    faults: [...faults, ...later.map((name) => ({ name, reason: 'it is of a later version', newer: true }))],
    later,
    counters: new Map([...inForce].map(([key, { body }]) => [key, body.counter])),
  };
}

/** True for what a revoked client made, unless the revocation accepts it. */
export function isRevoked({ revoked }: RecordListing, client: ClientId, snapshot: ObjectName): boolean {
  const found = revoked.get(client);
  return found !== undefined && !found.accepted.has(snapshot);
}

/** `now`: by the storage's clock, milliseconds. */
export function isPinned({ pins }: RecordListing, snapshot: ObjectName, now: number): boolean {
  const pin = pins.get(snapshot);
  return pin !== undefined && (pin.until ?? Number.POSITIVE_INFINITY) > now;
}

function isPin(body: RecordBody): body is Pin {
  return body.type === 'pin';
}

function isPolicy(body: RecordBody): body is Policy {
  return body.type === 'policy';
}

function isVersions(body: RecordBody): body is VersionsRecord {
  return body.type === 'versions';
}

function isRevocation(body: RecordBody): body is Revocation {
  return body.type === 'revoke';
}

function revocation({ subject, time, accepted }: Revocation): [ClientId, { time: number; accepted: Set<ObjectName> }] {
  return [clientId(subject), { time, accepted: new Set(accepted.map(objectName)) }];
}

function keyOf({ type, subject }: Pick<RecordBody, 'type' | 'subject'>): string {
  return `${type} ${subject}`;
}

/** Of a policy: whom it is for. */
function policySubject({ host, path }: Pick<Policy, 'host' | 'path'>): string {
  return canonicalText([host ?? null, path ?? null]);
}

function isStronger(a: Listed, b: Listed): boolean {
  if (a.body.counter !== b.body.counter) return a.body.counter > b.body.counter;
  const [first, second] = [strictness(a.body), strictness(b.body)];
  return first === second ? a.name < b.name : first > second;
}

/** Pinned before not, for longer before shorter; revoked before not, the fewer accepted the stricter; a policy before none. */
function strictness(body: RecordBody): number {
  switch (body.type) {
    case 'pin':
      return body.pinned ? (body.until ?? Number.POSITIVE_INFINITY) : -1;
    case 'revoke':
      return body.revoked ? -body.accepted.length : Number.NEGATIVE_INFINITY;
    case 'policy':
      return body.keep === null ? 0 : 1;
    case 'versions':
      return body.rules === null ? 0 : 1;
    case 'confirm':
      return 0;
  }
}

/** Undefined for what role full signed and this version does not understand. @throws NeoError integrity, needs-newer-neo */
function openRecord(repository: Repository, bytes: Uint8Array): RecordBody | undefined {
  const { body, signer } = decodeSealedSigned(repository, 'record', repository.keys.index, bytes);
  if (signer.role !== 'full') throw new NeoError('integrity', 'its maker may only write');
  const { data } = schema.safeParse(parseJson(body));
  // Whoever has role full writes what this program can read, or is of a later one.
  if (data === undefined) return undefined;
  if ((isPolicy(data) || isVersions(data)) && data.subject !== policySubject(data))
    throw new NeoError('integrity', 'it is malformed');
  return data;
}

/**
 * Says something anew about a subject. `known`: a listing made just before.
 * @throws NeoError permission-denied without role full, no-space, unreachable
 */
export async function putRecord(repository: Repository, known: RecordListing, record: NewRecord): Promise<ObjectName> {
  const { engine, keys, signer, backend } = repository;
  if (signer.certificate.role !== 'full') {
    throw new NeoError('permission-denied', 'this key may only write: it decides nothing about snapshots and keys', {
      hint: 'use a key of role full',
    });
  }
  const subject = 'subject' in record ? record.subject : policySubject(record);
  const counter = (known.counters.get(keyOf({ type: record.type, subject })) ?? 0) + 1;
  const body = canonicalJson({ v: 1, counter, subject, ...record } as Json);
  const bytes = encodeSealedSigned(repository, 'record', keys.index, signer, body);
  const name = objectName(toHex(engine.blake3(bytes)));
  await backend.put(`records/${name}`, bytes);
  return name;
}
