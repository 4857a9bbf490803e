/**
 * Who is who, and what they may do where, by the database. What was looked up is kept until something changes: every request asks, also each piece
 * of one that takes long, so that whoever is revoked is out at once.
 */
import type { Kysely } from 'kysely';
import { toHex } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import { hashToken } from '../engine/verifier.ts';
import type { Tables } from './database/tables.ts';
import { earliest, type Place, placeFor } from './places.ts';
import type { Caller, Principal } from './principal.ts';

/** What is kept of look-ups; beyond that all are made anew. */
const MOST_KEPT = 10_000;

type Found<T> = Promise<T | undefined>;

export class Directory {
  readonly #db: Kysely<Tables>;
  readonly #clock: Clock;
  readonly #principals = new Map<string, Found<Principal>>();
  readonly #places = new Map<string, Found<Place>>();
  readonly #seen = new Map<string, number>();
  #changes = 0;

  constructor(db: Kysely<Tables>, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /** How often something changed: what was found before may be right no longer. */
  get changes(): number {
    return this.#changes;
  }

  /** To be called when the database has what is new, and before anybody is told. */
  changed(): void {
    this.#changes += 1;
    this.#principals.clear();
    this.#places.clear();
  }

  /** By the token where there is one, else by the key of the connection. */
  async principalOf({ token, deviceKey }: Caller): Promise<Principal | undefined> {
    const key = token === undefined ? deviceKey : `token ${token}`;
    if (key === undefined) return undefined;
    const find = token === undefined ? () => this.#byDevice(key) : () => this.#byToken(token);
    const principal = this.#current(await this.#kept(this.#principals, key, find));
    if (principal?.device !== undefined) this.#seen.set(principal.device.id, this.#clock.now());
    return principal;
  }

  /** When a device was last here since the database was told, milliseconds since 1970. */
  seen(device: string): number | undefined {
    return this.#seen.get(device);
  }

  /** Tells the database who was here. */
  async saveSeen(): Promise<void> {
    const all = [...this.#seen];
    if (all.length === 0) return;
    this.#seen.clear();
    await this.#db.transaction().execute(async (trx) => {
      for (const [id, seen] of all) await trx.updateTable('devices').where('id', '=', id).set({ seen }).execute();
    });
  }

  /** `name` or `owner:name`; undefined for what the principal may not look into, be it there or not. */
  async placeOf(principal: Principal, name: string): Promise<Place | undefined> {
    const who = principal.device?.id ?? principal.token?.id ?? '';
    const key = `${who} ${name}`;
    const find = () => this.#kept(this.#places, key, () => this.#findPlace(principal, name));
    const found = await find();
    if (found === undefined || this.#current(found) !== undefined) return found;
    // One of several grants has ended.
    this.#places.delete(key);
    return find();
  }

  #current<T extends { readonly until: number | undefined }>(found: T | undefined): T | undefined {
    return found?.until !== undefined && found.until <= this.#clock.now() ? undefined : found;
  }

  #kept<T>(map: Map<string, Found<T>>, key: string, find: () => Found<T>): Found<T> {
    const known = map.get(key);
    if (known !== undefined) return known;
    if (map.size >= MOST_KEPT) map.clear();
    const found = find();
    map.set(key, found);
    const forget = (): void => {
      if (map.get(key) === found) map.delete(key);
    };
    // Nobody is kept out by what is not there yet, and anybody can ask for what is not there.
    found.then((value) => value === undefined && forget(), forget);
    return found;
  }

  async #byDevice(key: string): Promise<Principal | undefined> {
    const row = await this.#db
      .selectFrom('devices')
      .innerJoin('accounts', 'accounts.id', 'devices.account')
      .leftJoin('accounts as parents', 'parents.id', 'accounts.parent')
      .where('devices.key', '=', key)
      .where('devices.revoked', 'is', null)
      .select([...ACCOUNT_COLUMNS, 'devices.id', 'devices.name', 'devices.role'])
      .executeTakeFirst();
    if (row === undefined || isClosed(row)) return undefined;
    return { ...accountPart(row), device: { id: row.id, name: row.name }, role: row.role };
  }

  async #byToken(token: string): Promise<Principal | undefined> {
    const row = await this.#db
      .selectFrom('tokens')
      .innerJoin('accounts', 'accounts.id', 'tokens.account')
      .leftJoin('accounts as parents', 'parents.id', 'accounts.parent')
      .where('tokens.hash', '=', toHex(hashToken(token)))
      .where('tokens.revoked', 'is', null)
      .select([...ACCOUNT_COLUMNS, 'tokens.id', 'tokens.name', 'tokens.role', 'tokens.target', 'tokens.expires'])
      .executeTakeFirst();
    if (row === undefined || isClosed(row)) return undefined;
    const part = accountPart(row);
    const named = { id: row.id, name: row.name, target: row.target ?? undefined };
    return { ...part, until: earliest(part.until, row.expires), token: named, role: row.role };
  }

  async #findPlace(principal: Principal, written: string): Promise<Place | undefined> {
    const { account } = principal;
    const [owner, name = ''] = written.includes(':') ? written.split(':', 2) : [undefined, written];
    const rows = await this.#targetsFor(account.id)
      .where('targets.name', '=', name)
      .where(owner === undefined ? 'accounts.id' : 'accounts.name', '=', owner ?? account.parent ?? account.id)
      .execute();
    return placeFor(principal, rows, this.#clock.now());
  }

  /** All targets that the principal may look into, by owner and name. */
  async placesOf(principal: Principal): Promise<(Place & Sizes)[]> {
    const { account } = principal;
    const rows = await this.#targetsFor(account.id)
      .where((eb) => eb.or([eb('targets.account', '=', account.id), eb('grants.role', 'is not', null)]))
      .orderBy('accounts.name')
      .orderBy('targets.name')
      .execute();
    const now = this.#clock.now();
    return [...Map.groupBy(rows, ({ id }) => id).values()].flatMap((group) => {
      const place = placeFor(principal, group, now);
      const [row] = group;
      return place === undefined || row === undefined ? [] : [{ ...sizesIn(row), ...place }];
    });
  }

  /** A row for each target and grant of the account; and one for targets without. */
  #targetsFor(account: string) {
    return this.#db
      .selectFrom('targets')
      .innerJoin('accounts', 'accounts.id', 'targets.account')
      .leftJoin('grants', (join) => join.onRef('grants.target', '=', 'targets.id').on('grants.account', '=', account))
      .select(['targets.id', 'targets.name', 'accounts.id as ownerId', 'accounts.name as owner'])
      .select([
        'accounts.is_disabled as isOwnerDisabled',
        'accounts.is_copy as isCopy',
        'accounts.expires as ownerExpires',
        'grants.share',
        'grants.role',
        'grants.expires',
      ])
      .select(['targets.created', 'targets.bytes', 'targets.objects']);
  }
}

/** As the database has them: while a target is in use it knows better. */
interface Sizes {
  readonly created: number;
  readonly bytes: number;
  readonly objects: number;
}

function sizesIn({ created, bytes, objects }: Sizes): Sizes {
  return { created, bytes, objects };
}

const ACCOUNT_COLUMNS = [
  'accounts.id as accountId',
  'accounts.name as accountName',
  'accounts.parent',
  'accounts.is_admin',
  'accounts.is_disabled',
  'accounts.totp',
  'accounts.is_replica',
  'accounts.reaches_all',
  'parents.is_disabled as isParentDisabled',
  'accounts.expires as accountExpires',
  'parents.expires as parentExpires',
] as const;

interface AccountRow {
  readonly accountId: string;
  readonly accountName: string;
  readonly parent: string | null;
  readonly is_admin: number;
  readonly is_disabled: number;
  readonly totp: string | null;
  readonly is_replica: number;
  readonly reaches_all: number;
  readonly isParentDisabled: number | null;
  readonly accountExpires: number | null;
  readonly parentExpires: number | null;
}

function isClosed({ is_disabled, isParentDisabled }: AccountRow): boolean {
  return is_disabled === 1 || isParentDisabled === 1;
}

function accountPart(row: AccountRow): Pick<Principal, 'account' | 'until'> {
  return {
    account: {
      id: row.accountId,
      name: row.accountName,
      parent: row.parent ?? undefined,
      isAdministrator: row.is_admin === 1,
      hasSecondFactor: row.totp !== null,
      isReplica: row.is_replica === 1,
      reachesAll: row.reaches_all === 1,
    },
    until: earliest(row.accountExpires, row.parentExpires),
  };
}
