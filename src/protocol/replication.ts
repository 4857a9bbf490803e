/** What servers that replicate say to each other, and how replicas are administered. */
import { hexName, integer, moment, z } from '../core/schema.ts';
import { headSchema, proof } from './ledger.ts';
import { heldSchema } from './object-tree.ts';
import { shownFingerprint } from './server-keys.ts';
import { NAME } from './verbs.ts';
import { site, witnessSchema } from './witness.ts';

const name = z.string().check(z.regex(NAME));
const path = z.string().check(z.maxLength(250));
const text = z.string().check(z.maxLength(1000));

export const MOST_OFFERED = 300;
const MOST_PROVED = 8;

/** `want`: send it, or remove it. `have`: as much is known already, or more. `later`: somebody else is bringing it. */
export const REPLIES = ['want', 'have', 'later'] as const;
export type Reply = (typeof REPLIES)[number];

/** `comparing` and `sending`: it is reached. `waiting`: nothing is to be done. */
export const REPLICA_STATES = ['waiting', 'comparing', 'sending', 'unreachable', 'refused'] as const;
export type ReplicaState = (typeof REPLICA_STATES)[number];

const replica = z.object({
  name,
  location: text,
  site,
  created: moment,
  state: z.enum(REPLICA_STATES),
  /** What is still to be told, and since when. */
  queued: integer(0),
  since: z.nullable(moment),
  /** Why it goes on later; null: nothing is wrong. */
  error: z.nullable(text),
  /** When all was compared last. */
  compared: z.nullable(moment),
  /** Since the server was started. */
  sentObjects: integer(0),
  sentBytes: integer(0),
  /** Entries of the ledger that it has signed. */
  witnessed: z.nullable(integer(0)),
});
export type ReplicaStatus = z.infer<typeof replica>;
const nothing = z.strictObject({});

/** Part of the table of control verbs (control.ts). */
export const REPLICATION_CONTROL = {
  replicas: {
    standing: 'administrator',
    help: 'servers that are sent what comes here, and what is still to be sent',
    request: nothing,
    answer: z.object({ replicas: z.array(replica) }),
  },
  'replica-add': {
    standing: 'administrator',
    help: 'send all that there is, and whatever comes, to another server',
    request: z.strictObject({
      name,
      location: z.string().check(z.maxLength(300)),
      fingerprint: shownFingerprint,
      code: z.string().check(z.maxLength(64)),
    }),
    answer: z.object({ site }),
  },
  'replica-remove': {
    standing: 'administrator',
    help: 'send nothing more to a server; what it has stays there',
    request: z.strictObject({ name }),
    answer: nothing,
  },
  'replica-compare': {
    standing: 'administrator',
    help: 'compare all with a server now, and send what it lacks',
    request: z.strictObject({ name }),
    answer: nothing,
  },
  'replica-invite': {
    standing: 'administrator',
    help: 'let another server store here what it has, and a code for it',
    /** `reachesAll`: also in accounts that were made here, and not only in those that it brings. */
    request: z.strictObject({ name, reachesAll: z.optional(z.boolean()) }),
    answer: z.object({ code: z.string().check(z.maxLength(64)), until: moment }),
  },
  'replica-offer': {
    standing: 'replica',
    help: 'say what one has; a target that is not there is made',
    request: z.strictObject({
      site,
      owner: name,
      target: name,
      /** First configurations of the repository: of another one nothing is taken. */
      configs: z.array(path).check(z.maxLength(16)),
      objects: z.array(heldSchema).check(z.maxLength(MOST_OFFERED)),
    }),
    answer: z.object({ replies: z.array(z.enum(REPLIES)).check(z.maxLength(MOST_OFFERED)) }),
  },
  'replica-prove': {
    standing: 'replica',
    help: 'prove that one has all bytes of objects: BLAKE3 of the nonce and them',
    request: z.strictObject({
      ...{ owner: name, target: name, nonce: hexName },
      paths: z.array(path).check(z.maxLength(MOST_PROVED)),
    }),
    /** Null: not there, or not whole any more. */
    answer: z.object({ proofs: z.array(z.nullable(hexName)).check(z.maxLength(MOST_PROVED)) }),
  },
  'replica-head': {
    standing: 'replica',
    help: 'have the head of a ledger signed, if it continues what was signed before',
    request: z.strictObject({ key: hexName, head: headSchema, from: integer(0), consistency: proof }),
    /** Without a witness: from which size on it has to be shown. */
    answer: z.object({ known: integer(0), witness: z.optional(witnessSchema) }),
  },
} as const;
