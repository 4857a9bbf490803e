/** A server, two accounts there, their machines, and what they were told. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { QUICK_KDF } from '../commands/user.ts';
import { SimRandom } from '../support/sim-random.ts';
import { type Ended, environment, neoKilled, summaryOf } from './neo.ts';
import type { ServedStore } from './serve-store.ts';
import { Served } from './served.ts';

/** Nothing takes as long: a client that is not done by then hangs. */
const HANG_MS = 150_000;
/** Longer than the server is ever away. */
export const RETRY: readonly string[] = ['--retry-for', '90s'];
/** What keeps prunes and writers of one repository apart. Half of it is longer than the server is away. */
export const FLOOR = '15s';
export const PER_OBJECT = 512;
/** Enough for what comes before anybody is disturbed, and a little more. */
const FIRST_QUOTA = 4_000_000;
export const DENIED = 13;
export const QUOTA_EXCEEDED = 14;
export const UNREACHABLE = 16;

/** Acknowledged, and not yet asked to go. */
export interface Saved {
  readonly source: string;
  readonly fingerprint: string;
}

/** Of one repository. */
export interface Ledger {
  readonly saved: Map<string, Saved>;
  /** Tags of snapshots that ended with `quota-exceeded`. */
  readonly refused: Set<string>;
}

/** Somebody with a home, who runs neo. */
export class Machine {
  readonly name: string;
  readonly home: string;
  readonly random: SimRandom;
  env: NodeJS.ProcessEnv;

  constructor(folder: string, name: string, random: SimRandom) {
    this.name = name;
    this.home = join(folder, `home-${name}`);
    this.random = random;
    mkdirSync(this.home, { recursive: true });
    this.env = environment(this.home);
  }

  /** The folder that it saves. */
  get source(): string {
    return join(this.home, 'tree');
  }

  neo(...args: readonly string[]): Promise<Ended> {
    return neoKilled(this.env, HANG_MS, ...args);
  }

  /** @throws unless the exit code is 0 */
  async well(...args: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
    const { code, stdout, stderr } = await this.neo(...args);
    if (code !== 0) throw new Error(`${this.name}: neo ${args.join(' ')}: exit code ${code}: ${stderr.slice(-800)}`);
    return summaryOf(stdout) ?? {};
  }

  /** With a key file in place of the password, which takes time. */
  with(keyFile: string): void {
    this.env = { ...this.env, NEO_PASSWORD: '', NEO_KEY_FILE: keyFile, NEO_GRACE_FLOOR: FLOOR };
  }

  /** Does what an invitation says. */
  async follow(invitation: Readonly<Record<string, unknown>>): Promise<void> {
    const { server, code, fingerprint } = invitation;
    const words = ['--code', String(code), '--fingerprint', String(fingerprint), '--device', this.name];
    await this.well('login', String(server), ...words);
  }
}

export interface Pass {
  readonly id: string;
  /** Of a token. */
  readonly token?: string;
  /** Of a device: where its login lies. */
  readonly home?: string;
  /** `unknown`: somebody is about to revoke it, or was not told how that went. */
  state: 'live' | 'unknown' | 'revoked';
}

export class World {
  readonly folder: string;
  readonly served: Served;
  readonly admin: Machine;
  /** Account ann: a quota, two devices, and a sub-account that can only append, with a key that can only write. */
  readonly ann: Machine;
  readonly annToo: Machine;
  readonly laptop: Machine;
  /** Account bob: one device, alone in its repository. */
  readonly bob: Machine;
  /** The same device, for what is asked of the server beside. */
  readonly keeper: Machine;
  readonly annLedger: Ledger = { saved: new Map(), refused: new Set() };
  readonly bobLedger: Ledger = { saved: new Map(), refused: new Set() };
  readonly scratchLedger: Ledger = { saved: new Map(), refused: new Set() };
  readonly passes: Pass[] = [];
  /** Other accounts; undefined while it is not known whether they are there. */
  readonly accounts = new Map<string, boolean | undefined>();
  /** Of bob's target `scratch`. */
  scratch: 'there' | 'absent' | 'unknown' = 'absent';
  /** Of ann; undefined while it is not known which one counts. */
  quota: number | undefined;
  /** What was asked for last. */
  asked = FIRST_QUOTA;
  readonly faults: string[] = [];
  #number = 0;
  readonly counts = {
    ...{ snapshots: 0, 'restores compared': 0, forgets: 0, prunes: 0, 'checks of all data': 0 },
    ...{
      'refused by quota': 0,
      'refused for a day': 0,
      'revoked and kept out': 0,
      'targets made': 0,
      'targets removed': 0,
      'accounts made': 0,
      'accounts removed': 0,
    },
    ...{ 'tokens and devices made': 0, 'tokens and devices revoked': 0, 'not acknowledged': 0, overtaken: 0 },
    ...{ fscks: 0, 'targets counted': 0, differences: 0, 'ledger entries verified': 0 },
  };

  constructor(folder: string, random: SimRandom, store?: ServedStore) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    this.folder = folder;
    this.served = new Served(join(folder, 'data'), environment(folder), store);
    const machine = (name: string): Machine => new Machine(folder, name, new SimRandom(random.word()));
    this.admin = machine('admin');
    this.ann = machine('ann');
    this.annToo = machine('ann-too');
    this.laptop = machine('laptop');
    this.bob = machine('bob');
    this.keeper = machine('keeper');
    for (const each of [this.ann, this.annToo, this.laptop, this.bob, this.keeper]) makeTree(each);
  }

  /** Nobody is disturbed yet, but for the first start of all. */
  async begin(): Promise<void> {
    const { served, admin, ann, annToo, laptop, bob, keeper } = this;
    for (let n = admin.random.below(3); n > 0; n--) await served.startAndKill(admin.random.below(1_000));
    await served.start();
    await admin.follow({ server: served.url, code: served.adminCode, fingerprint: served.fingerprint });
    const perObject = ['--per-object', String(PER_OBJECT)];
    await ann.follow(
      await admin.well('admin', 'user', 'add', 'ann', '--quota', String(FIRST_QUOTA), ...perObject, '--json'),
    );
    this.quota = FIRST_QUOTA;
    await bob.follow(await admin.well('admin', 'user', 'add', 'bob', '--json'));
    // The same login.
    keeper.env = { ...keeper.env, HOME: bob.home, NEO_REPO: `${served.url}/scratch` };
    await Promise.all([this.#beginRepository(ann), this.#beginRepository(bob)]);
    await annToo.follow(await ann.well('account', 'device', 'invite', '--role', 'prune', '--json'));
    annToo.with(join(ann.home, 'full.key'));
    const writeKey = join(laptop.home, 'write.key');
    await ann.well('key', 'add', '--role', 'write', '--label', 'laptop', '--out', writeKey);
    const granted = ['--target', 'main', '--role', 'append'];
    await laptop.follow(await ann.well('account', 'sub', 'add', 'laptop', ...granted, '--json'));
    laptop.with(writeKey);
    for (const each of [annToo, laptop]) each.env = { ...each.env, NEO_REPO: `${served.url}/main` };
  }

  async #beginRepository(owner: Machine): Promise<void> {
    owner.env = { ...owner.env, NEO_REPO: `${this.served.url}/main` };
    await owner.well('init', ...QUICK_KDF);
    const keyFile = join(owner.home, 'full.key');
    await owner.well('key', 'add', '--role', 'full', '--label', 'torture', '--out', keyFile);
    owner.with(keyFile);
  }

  /** For names. */
  next(): number {
    this.#number += 1;
    return this.#number;
  }

  fault(who: string, { code, stderr }: Ended): void {
    this.faults.push(`${who}: exit code ${code}: ${stderr.slice(-800)}`);
  }
}

function makeTree({ source, random }: Machine): void {
  mkdirSync(join(source, 'sub'), { recursive: true });
  for (let n = 0; n < 12; n++) writeFileSync(join(source, 'sub', `f${n}`), random.bytes(1 + random.below(20_000)));
  writeFileSync(join(source, 'large'), random.bytes(300_000));
}

/** A few files of it. */
export function changeTree({ source, random }: Machine): void {
  const folder = join(source, 'sub');
  for (let n = 0; n < 3; n++) {
    writeFileSync(join(folder, `f${random.below(40)}`), random.bytes(1 + random.below(40_000)));
  }
  const names = readdirSync(folder);
  const gone = names[random.below(names.length)];
  if (names.length > 8 && gone !== undefined) rmSync(join(folder, gone));
  if (random.below(4) === 0) writeFileSync(join(source, 'large'), random.bytes(1 + random.below(600_000)));
}
