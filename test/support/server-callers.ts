/** Everybody who may come to a server, each with a target of somebody's to ask for: for the test of who may do what. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import type { Role } from '../../src/protocol/control.ts';
import { encodeReach } from '../../src/protocol/reach.ts';
import { newDevice, type OwnServer } from './own-server.ts';
import { RawClient } from './raw-client.ts';
import * as rows from './server-rows.ts';

export interface World {
  readonly client: RawClient;
  /** Of whoever asks. */
  readonly account: string;
  readonly target: string;
  /** Where the objects of the target lie. */
  readonly folder: string;
}

type Came = Omit<World, 'folder'>;
type Kind = (cast: Cast) => Promise<Came>;

/** In each target: of `packs/00/a` it reaches the first byte. */
export const SHARE = 'a'.repeat(32);
export const SECRET = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
const PAST = 1;
let nth = 0;

/**
 * Somebody with a target of a name that is nobody else's, and whoever is to ask for it.
 * @param who one of those below, perhaps with a comma and a role
 */
export async function worldOf(server: OwnServer, who: string): Promise<World> {
  const [kind = '', role = 'admin'] = who.split(', ') as [string, Role?];
  const make = KINDS[kind];
  if (make === undefined) throw new Error(`nobody is called ${kind}`);
  const { db } = server.database;
  nth += 1;
  const owner = await rows.insertAccount(db, `owner-${nth}`);
  const name = `notes-${nth}`;
  const id = await rows.insertTarget(db, owner, name);
  await fillTarget(server, owner, name);
  const came = await make(new Cast(server, nth, owner, id, role));
  return { ...came, folder: join(server.dataRoot, 'targets', id) };
}

async function fillTarget(server: OwnServer, owner: string, target: string): Promise<void> {
  const token = `filler-${nth}`;
  await rows.insertToken(server.database.db, owner, { text: token, role: 'write' });
  const filler = new RawClient(server.port, { token });
  const objects = {
    'packs/00/a': 'bytes',
    [`shares/${SHARE}/1`]: 'a share',
    [`shares/${SHARE}/1.reach`]: encodeReach([{ path: 'packs/00/a', ranges: [{ offset: 0, length: 1 }] }]),
  };
  for (const [path, body] of Object.entries(objects)) {
    const { status } = await filler.ask('put', { target, path, body });
    if (status !== 204) throw new Error(`${path} was not stored: ${status}`);
  }
  filler.close();
}

type AccountMore = NonNullable<Parameters<typeof rows.insertAccount>[2]>;

/** Who is there once a target is: its owner, and another account. */
class Cast {
  readonly role: Role;
  readonly #server: OwnServer;
  readonly #n: number;
  readonly #owner: string;
  readonly #id: string;
  readonly #device = newDevice();

  constructor(server: OwnServer, n: number, owner: string, id: string, role: Role) {
    this.#server = server;
    this.#n = n;
    this.#owner = owner;
    this.#id = id;
    this.role = role;
  }

  get #db(): OwnServer['database']['db'] {
    return this.#server.database.db;
  }

  #asking(credentials: ConstructorParameters<typeof RawClient>[1], account: string): Came {
    const name = `notes-${this.#n}`;
    const target = account === this.#owner ? name : `owner-${this.#n}:${name}`;
    return { client: new RawClient(this.#server.port, credentials), account, target };
  }

  async #withDevice(account: string, lasts: { role?: Role; revoked?: number } = {}): Promise<Came> {
    await rows.insertDevice(this.#db, account, { ...this.#device, role: 'admin', ...lasts });
    return this.#asking({ device: this.#device }, account);
  }

  async #withToken(account: string, lasts: { revoked?: number; expires?: number } = {}): Promise<Came> {
    const text = `token-${this.#n}`;
    await rows.insertToken(this.#db, account, { text, role: this.role, ...lasts });
    return this.#asking({ token: text }, account);
  }

  #other(more: AccountMore = {}): Promise<string> {
    return rows.insertAccount(this.#db, `other-${this.#n}`, more);
  }

  async stranger(): Promise<Came> {
    return this.#asking({}, this.#owner);
  }

  async unknown(): Promise<Came> {
    return this.#asking({ device: this.#device }, this.#owner);
  }

  owner(lasts: { revoked?: number } = {}): Promise<Came> {
    return this.#withDevice(this.#owner, { role: this.role, ...lasts });
  }

  ownerByToken(lasts: { revoked?: number; expires?: number } = {}): Promise<Came> {
    return this.#withToken(this.#owner, lasts);
  }

  async sub(): Promise<Came> {
    const came = await this.#withDevice(await this.#other({ parent: this.#owner }));
    return { ...came, target: `notes-${this.#n}` };
  }

  async other(more: AccountMore = {}): Promise<Came> {
    return this.#withDevice(await this.#other(more));
  }

  async anotherServer(): Promise<Came> {
    return this.#withDevice(await this.#other({ is_replica: 1, reaches_all: 1 }), { role: 'append' });
  }

  async otherByToken(more: AccountMore = {}): Promise<Came> {
    return this.#withToken(await this.#other(more));
  }

  /** The other account may look into the target. */
  async grant(expires?: number): Promise<this> {
    await rows.insertGrant(this.#db, this.#id, await this.#other(), this.role, expires);
    return this;
  }

  /** The other account may read the share and nothing else. */
  async share(expires?: number): Promise<this> {
    await rows.insertGrant(this.#db, this.#id, await this.#other(), 'read', expires, SHARE);
    return this;
  }

  /** Something happens to the owner's account afterwards. */
  async thenOwner(more: AccountMore, came: Promise<Came>): Promise<Came> {
    const made = await came;
    await rows.insertAccount(this.#db, `owner-${this.#n}`, more);
    return made;
  }
}

const DISABLED = { is_disabled: 1 };
const EXPIRED = { expires: PAST };
const KINDS: Readonly<Record<string, Kind>> = {
  'another server': (cast) => cast.anotherServer(),
  nobody: (cast) => cast.stranger(),
  'unknown device': (cast) => cast.unknown(),
  token: (cast) => cast.ownerByToken(),
  'expired token': (cast) => cast.ownerByToken({ expires: PAST }),
  'revoked token': (cast) => cast.ownerByToken({ revoked: PAST }),
  device: (cast) => cast.owner(),
  'revoked device': (cast) => cast.owner({ revoked: PAST }),
  'disabled account': (cast) => cast.thenOwner(DISABLED, cast.owner()),
  'expired account': (cast) => cast.thenOwner(EXPIRED, cast.owner()),
  grantee: async (cast) => (await cast.grant()).other(),
  'expired grant': async (cast) => (await cast.grant(PAST)).other(),
  'grant of a disabled account': async (cast) => cast.thenOwner(DISABLED, (await cast.grant()).other()),
  'grant of an expired account': async (cast) => cast.thenOwner(EXPIRED, (await cast.grant()).other()),
  share: async (cast) => (await cast.share()).other(),
  'token of who has a share': async (cast) => (await cast.share()).otherByToken(),
  'expired share': async (cast) => (await cast.share(PAST)).other(),
  'share of a disabled account': async (cast) => cast.thenOwner(DISABLED, (await cast.share()).other()),
  'share of an expired account': async (cast) => cast.thenOwner(EXPIRED, (await cast.share()).other()),
  'sub-account': (cast) => cast.sub(),
  'sub-account of a disabled one': (cast) => cast.thenOwner(DISABLED, cast.sub()),
  'sub-account of an expired one': (cast) => cast.thenOwner(EXPIRED, cast.sub()),
  'other account': (cast) => cast.other(),
  'token of an administrator': (cast) => cast.otherByToken({ is_admin: 1 }),
  administrator: (cast) => cast.other({ is_admin: 1 }),
  // Of a server that demands second factors: which account has one is the test's.
  'device without a second factor': (cast) => cast.owner(),
  'grantee without a second factor': async (cast) => (await cast.grant()).other(),
  'administrator without a second factor': (cast) => cast.other({ is_admin: 1 }),
  'token of an account without a second factor': (cast) => cast.ownerByToken(),
  'device with a second factor': (cast) => cast.owner(),
  'administrator with a second factor': (cast) => cast.other({ is_admin: 1 }),
};

/**
 * Whether anything is changed shows in this: the objects of the target, and how many rows were changed so far by whatever statement.
 * @param undone a request that begins a change and undoes it: then the rows themselves, which takes longer
 */
export async function stateOf({ database: { db } }: OwnServer, { folder }: World, undone: boolean): Promise<unknown> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  const files = names.map((name) => {
    const { size, mtimeMs } = statSync(join(folder, name));
    return [name, size, mtimeMs];
  });
  if (!undone) return { files, ...(await sql<object>`select total_changes() as changes`.execute(db)).rows[0] };
  const { rows: tables } = await sql<{ name: string }>`select name from pragma_table_list where strict`.execute(db);
  const rowsOf = async (name: string) => JSON.stringify((await sql`select * from ${sql.table(name)}`.execute(db)).rows);
  return { files, rows: await Promise.all(tables.map(({ name }) => rowsOf(name))) };
}
