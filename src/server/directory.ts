/**
 * Who is who, and what they may do where, by the database. What was looked up is kept until something changes: every request asks, also each piece
 * of one that takes long, so that whoever is revoked is out at once.
 */
import type { Kysely, Selectable } from 'kysely';
import { toHex } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import { hashToken } from '../engine/verifier.ts';
import type { Role } from '../protocol/control.ts';
import type { Tables } from './database/tables.ts';
import type { Caller, Principal } from './principal.ts';
import { lesserRole } from './rights.ts';

/** A target as somebody may see it. */
export interface Place {
  readonly id: string;
  readonly owner: { readonly id: string; readonly name: string };
  readonly name: string;
  readonly role: Role;
  /** Until when the role holds, milliseconds since 1970. */
  readonly until: number | undefined;
}

/** What is kept of look-ups; beyond that all are made anew. */
const MOST_KEPT = 10_000;

type Found<T> = Promise<T | undefined>;

export class Directory {
  readonly #db: Kysely<Tables>;
  readonly #clock: Clock;
  readonly #principals = new Map<string, Found<Principal>>();
  readonly #places = new Map<string, Found<Place>>();
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
    return this.#current(await this.#kept(this.#principals, key, find));
  }

  /** `name` or `owner:name`; undefined for what the principal may not look into, be it there or not. */
  async placeOf(principal: Principal, name: string): Promise<Place | undefined> {
    const who = principal.device?.id ?? principal.token?.id ?? '';
    return this.#current(await this.#kept(this.#places, `${who} ${name}`, () => this.#findPlace(principal, name)));
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
    const target = await this.#db
      .selectFrom('targets')
      .innerJoin('accounts', 'accounts.id', 'targets.account')
      .leftJoin('grants', (join) =>
        join.onRef('grants.target', '=', 'targets.id').on('grants.account', '=', account.id),
      )
      .where('targets.name', '=', name)
      .where(owner === undefined ? 'accounts.id' : 'accounts.name', '=', owner ?? account.parent ?? account.id)
      .select(['targets.id', 'targets.name', 'accounts.id as ownerId', 'accounts.name as owner'])
      .select(['accounts.is_disabled as isOwnerDisabled', 'grants.role', 'grants.expires'])
      .executeTakeFirst();
    return target === undefined ? undefined : placeFor(principal, target);
  }

  /** All targets that the principal may look into, by owner and name. */
  async placesOf(principal: Principal): Promise<(Place & Sizes)[]> {
    const { account } = principal;
    const rows = await this.#db
      .selectFrom('targets')
      .innerJoin('accounts', 'accounts.id', 'targets.account')
      .leftJoin('grants', (join) =>
        join.onRef('grants.target', '=', 'targets.id').on('grants.account', '=', account.id),
      )
      .where((eb) => eb.or([eb('targets.account', '=', account.id), eb('grants.role', 'is not', null)]))
      .select(['targets.id', 'targets.name', 'accounts.id as ownerId', 'accounts.name as owner'])
      .select(['accounts.is_disabled as isOwnerDisabled', 'grants.role', 'grants.expires'])
      .select(['targets.created', 'targets.bytes', 'targets.objects'])
      .orderBy('accounts.name')
      .orderBy('targets.name')
      .execute();
    return rows.flatMap((row) => {
      const place = this.#current(placeFor(principal, row));
      return place === undefined ? [] : [{ ...place, created: row.created, bytes: row.bytes, objects: row.objects }];
    });
  }
}

/** As the database has them: while a target is in use it knows better. */
interface Sizes {
  readonly created: number;
  readonly bytes: number;
  readonly objects: number;
}

const ACCOUNT_COLUMNS = [
  'accounts.id as accountId',
  'accounts.name as accountName',
  'accounts.parent',
  'accounts.is_admin',
  'accounts.is_disabled',
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
    },
    until: earliest(row.accountExpires, row.parentExpires),
  };
}

interface TargetRow extends Pick<Selectable<Tables['targets']>, 'id' | 'name'> {
  readonly ownerId: string;
  readonly owner: string;
  readonly isOwnerDisabled: number;
  readonly role: Role | null;
  readonly expires: number | null;
}

/** The owner may do all, others what they are granted; neither more than the device or the token may. */
function placeFor(principal: Principal, row: TargetRow): Place | undefined {
  const { id, name, ownerId, owner, isOwnerDisabled, role, expires } = row;
  const only = principal.token?.target;
  const isOwner = ownerId === principal.account.id;
  const own = isOwner ? 'admin' : isOwnerDisabled === 1 ? undefined : (role ?? undefined);
  if (own === undefined || (only !== undefined && only !== id)) return undefined;
  const until = isOwner ? undefined : (expires ?? undefined);
  return { id, name, owner: { id: ownerId, name: owner }, role: lesserRole(own, principal.role), until };
}

function earliest(...times: readonly (number | null | undefined)[]): number | undefined {
  const given = times.filter((time) => typeof time === 'number');
  return given.length === 0 ? undefined : Math.min(...given);
}
