/**
 * What the server knows beside objects (migrations.ts makes these tables). Times are milliseconds since 1970, ids and hashes lower case hex,
 * flags 0 or 1. Nothing here lets anybody in: of secrets, codes and tokens there are hashes, of devices public keys.
 */
import type { Generated } from 'kysely';
import type { Role } from '../../protocol/control.ts';
import type { EntryKind } from '../../protocol/ledger.ts';

export interface Tables {
  readonly settings: SettingsTable;
  readonly config: ConfigTable;
  readonly accounts: AccountsTable;
  readonly devices: DevicesTable;
  readonly tokens: TokensTable;
  readonly codes: CodesTable;
  readonly targets: TargetsTable;
  readonly grants: GrantsTable;
  readonly audit: AuditTable;
  readonly ledger: LedgerTable;
  readonly ledger_readers: LedgerReadersTable;
  readonly ledger_nodes: LedgerNodesTable;
  readonly removed_targets: RemovedTargetsTable;
  readonly turns: TurnsTable;
  readonly replicas: ReplicasTable;
  readonly replica_queue: ReplicaQueueTable;
  readonly replica_heads: ReplicaHeadsTable;
}

/** `site`: of this server, for ever; `pepper`: 32 random bytes from which the salts of accounts that are not there are made. */
interface SettingsTable {
  name: string;
  value: string;
}

/** What administrators have decided over the wire, as it would stand in `server.toml`; null: by default. */
interface ConfigTable {
  name: string;
  value: string | null;
  /** What holds until `since`. */
  before: string | null;
  since: number;
}

interface AccountsTable {
  id: string;
  /** Unique. */
  name: string;
  /** Of a sub-account: whose. */
  parent: string | null;
  is_admin: number;
  is_disabled: number;
  /** An administrator has disabled it: nobody else lets it in again. */
  is_held: Generated<number>;
  /** Another server, which stores here what it was given. */
  is_replica: Generated<number>;
  /** Of a replica: it stores in all accounts, and not only in copies. */
  reaches_all: Generated<number>;
  /** Another server has brought it. */
  is_copy: Generated<number>;
  expires: number | null;
  /** Bytes; null: no limit. */
  quota: number | null;
  /** Bytes that each object is charged with. */
  per_object: number;
  created: number;
  /** JSON as `loginKdfSchema`; null without a secret. */
  kdf: string | null;
  /** SHA-256 of the proof. */
  verifier: string | null;
  /** Base32, of RFC 6238; null without a second factor. */
  totp: string | null;
  /** One that is not confirmed yet. */
  totp_new: string | null;
  /** The last time step that was used: each is good once. */
  totp_step: number;
  /** JSON: SHA-256 of the recovery codes that are left. */
  recovery: string;
  /** Bytes times milliseconds up to `metered`. */
  byte_time: number;
  metered: number;
}

interface DevicesTable {
  id: string;
  account: string;
  name: string;
  /** SHA-256 of the public key (DER, SubjectPublicKeyInfo); unique. */
  key: string;
  role: Role;
  created: number;
  seen: number | null;
  revoked: number | null;
}

interface TokensTable {
  id: string;
  account: string;
  name: string;
  /** SHA-256; unique. */
  hash: string;
  /** Id of the only target that it is good for. */
  target: string | null;
  role: Role;
  created: number;
  expires: number | null;
  revoked: number | null;
}

/** Codes that let one device in. */
interface CodesTable {
  /** SHA-256. */
  hash: string;
  /** Null: whoever has it makes the first administrator. */
  account: string | null;
  role: Role;
  created: number;
  until: number;
}

interface TargetsTable {
  id: string;
  account: string;
  /** Unique within the account. */
  name: string;
  created: number;
  bytes: number;
  objects: number;
  /** 1 while `bytes` and `objects` may be behind: the server is using it, or was killed while it did. */
  is_open: number;
  /** The day within which only a part may go (losses.ts): when it began; null before the first one. */
  loss_began: number | null;
  /** What was there then. */
  loss_bytes: Generated<number>;
  /** What went since then; never less than that. */
  loss_lost: Generated<number>;
}

interface GrantsTable {
  target: string;
  account: string;
  /** Id of the only share in it that may be read; empty: all of the target. */
  share: string;
  role: Role;
  expires: number | null;
  created: number;
}

interface AuditTable {
  seq: Generated<number>;
  time: number;
  /** Names, as they were then. */
  account: string | null;
  device: string | null;
  action: string;
  /** JSON. */
  detail: string;
}

/** protocol/ledger.ts; never changed, nor anything removed. */
interface LedgerTable {
  seq: number;
  /** As the header has it. */
  kind: EntryKind;
  /** What its leaf is the hash of: canonical JSON. */
  header: string;
  signature: string;
  salt: string;
  /** JSON. */
  content: string;
  /** The hash of the leaf. */
  hash: string;
  /** Of the first entry that says of something that it was published: what; for who asks whether it was. */
  subject: string | null;
}

/** Which accounts may read an entry, beside administrators. */
interface LedgerReadersTable {
  account: string;
  seq: number;
}

/** Complete trees of 2^level leaves (engine/merkle.ts), from level 1 on. */
interface LedgerNodesTable {
  level: number;
  place: number;
  hash: string;
}

/** Targets that were here once, by the names of account and target: no other server brings them back. */
interface RemovedTargetsTable {
  owner: string;
  name: string;
}

/** Of objects that were ever removed: how often they came and went (replication/turns.ts). */
interface TurnsTable {
  target: string;
  path: string;
  turns: number;
}

/** Other servers that are sent what comes here. */
interface ReplicasTable {
  id: string;
  /** Unique. */
  name: string;
  /** `neo://HOST:PORT`. */
  location: string;
  /** JSON: fingerprints by which it is known, as people see them. */
  keys: string;
  /** Of that server; unique. */
  site: string;
  /** PEM, Ed25519: how this server shows there who it is. */
  device_key: string;
  created: number;
  /** When all was compared last; null: it has to be, for something may be missing in the queue. */
  compared: number | null;
  /** JSON as `witnessSchema`: the last head of the ledger that it has signed. */
  witness: string | null;
}

/** What a replica is still to be told, in this order. */
interface ReplicaQueueTable {
  seq: Generated<number>;
  replica: string;
  target: string;
  /** Once for each replica and target. */
  path: string;
  action: 'put' | 'remove';
  /** Site of the server to which a client gave it. */
  origin: string;
  since: number;
  /** Not before. */
  due: number;
  tries: number;
  /** Why it was refused the last time: for people, and as errors are called. */
  error: string | null;
  code: string | null;
}

/** Heads of the ledgers of servers that send here: the last that was signed. */
interface ReplicaHeadsTable {
  account: string;
  site: string;
  /** Public, hex. */
  key: string;
  size: number;
  root: string;
}
