/**
 * What targets hold, wherever they lie (storage/storage.ts): they are known there by their ids, so that nothing a client sends is part of a path.
 * One meter for each account that pays; it is right before anybody puts anything.
 */
import type { Kysely } from 'kysely';
import type { Clock } from '../core/clock.ts';
import { NeoError } from '../core/errors.ts';
import type { ControlAnswer } from '../protocol/control.ts';
import type { Told } from './changes.ts';
import type { Tables } from './database/tables.ts';
import { type Counts, Meter } from './meter.ts';
import type { AccountMetrics, SnapshotAge } from './metrics.ts';
import { type CountedTarget, type CountStore, openCounted, type Recount } from './quota.ts';
import type { TargetStorage } from './storage/storage.ts';

export interface TargetStoreOptions {
  readonly db: Kysely<Tables>;
  readonly clock: Clock;
  readonly storage: TargetStorage;
  /** Of all targets. */
  readonly told: Told;
}

/** A target as people know it. */
interface NamedTarget {
  readonly id: string;
  readonly owner: string;
  readonly target: string;
  readonly objects: number;
}

export interface Strays {
  /** Where something lies that the database does not know, for people. */
  readonly unknown: readonly string[];
  /** Targets in which there are objects by the database, and nothing where they lie. */
  readonly missing: readonly (NamedTarget & { readonly folder: string })[];
}

type Usage = ControlAnswer<'usage'>;

/** Milliseconds in an hour: what is metered is billed by the hour. */
const HOUR = 3_600_000;

interface OwnMeter {
  readonly meter: Meter;
  /** Bytes × milliseconds before this meter was made. */
  readonly before: number;
  /** Targets that nobody closed, to be counted before anything is put anywhere in the account. */
  readonly unsure: Set<string>;
}

export class TargetStore {
  readonly #options: TargetStoreOptions;
  readonly #open = new Map<string, Promise<CountedTarget>>();
  readonly #meters = new Map<string, Promise<OwnMeter>>();
  /** Targets that were removed, or are being: nobody opens them again. */
  readonly #removed = new Map<string, Promise<Counts>>();
  #isClosed = false;

  constructor(options: TargetStoreOptions) {
    this.#options = options;
  }

  /** @throws NeoError of the storage */
  async open(place: { readonly id: string; readonly owner: { readonly id: string } }): Promise<CountedTarget> {
    const own = await this.#meterOf(place.owner.id);
    await this.#settle(own);
    return this.#opened(place.id, own.meter);
  }

  async #settle({ meter, unsure }: OwnMeter): Promise<void> {
    for (const id of unsure) {
      await this.#opened(id, meter).catch((error: unknown) => {
        // Else it was removed meanwhile.
        if (unsure.has(id)) throw error;
      });
    }
  }

  #opened(id: string, meter: Meter): Promise<CountedTarget> {
    if (this.#isClosed) throw new NeoError('unreachable', 'the server is ending');
    if (this.#removed.has(id)) throw noMore();
    const known = this.#open.get(id);
    if (known !== undefined) return known;
    const opening = this.#openAnew(id, meter);
    this.#open.set(id, opening);
    opening.catch(() => this.#open.delete(id));
    return opening;
  }

  async #openAnew(id: string, meter: Meter): Promise<CountedTarget> {
    const { db, storage, told } = this.#options;
    const row = () => db.selectFrom('targets').where('id', '=', id).select(['bytes', 'objects', 'is_open']);
    // Of one that was removed by the time it is opened no folder is made again.
    if ((await row().executeTakeFirst()) === undefined) throw noMore();
    const store: CountStore = {
      target: id,
      async load() {
        const found = await row().executeTakeFirst();
        if (found === undefined) throw noMore();
        return { bytes: found.bytes, objects: found.objects, isOpen: found.is_open === 1 };
      },
      async markOpen() {
        await db.updateTable('targets').where('id', '=', id).set({ is_open: 1 }).execute();
      },
      async save(bytes, objects) {
        await db.updateTable('targets').where('id', '=', id).set({ bytes, objects, is_open: 0 }).execute();
      },
    };
    return openCounted(await storage.open(id), meter, store, told);
  }

  #meterOf(account: string): Promise<OwnMeter> {
    const known = this.#meters.get(account);
    if (known !== undefined) return known;
    const made = this.#makeMeter(account);
    this.#meters.set(account, made);
    made.catch(() => this.#meters.delete(account));
    return made;
  }

  async #makeMeter(account: string): Promise<OwnMeter> {
    const { db, clock } = this.#options;
    const row = await db
      .selectFrom('accounts')
      .where('id', '=', account)
      .select(['quota', 'per_object', 'byte_time', 'metered'])
      .executeTakeFirst();
    if (row === undefined) throw new NeoError('permission-denied', 'the account is no more');
    const targets = await db
      .selectFrom('targets')
      .where('account', '=', account)
      .select(['id', 'bytes', 'objects', 'is_open'])
      .execute();
    const meter = new Meter(clock, { quota: row.quota, perObject: row.per_object });
    for (const { id, bytes, objects } of targets) meter.setCounts(id, { bytes, objects });
    // What lay there while nobody looked is stored, too; a clock that went back takes nothing away.
    const before = row.byte_time + meter.used * Math.max(0, clock.now() - row.metered);
    return { meter, before, unsure: new Set(targets.filter(({ is_open }) => is_open === 1).map(({ id }) => id)) };
  }

  /** To be called before the database forgets something of the account: else {@link remove} cannot tell what there was. */
  async count(account: string): Promise<void> {
    const counted = this.#meterOf(account).then((own) => this.#settle(own));
    // What cannot be counted can be removed all the same.
    await counted.catch(() => undefined);
  }

  /** Of a target that is in use. */
  async sizesOf(account: string, id: string): Promise<Counts | undefined> {
    if (!this.#open.has(id)) return undefined;
    return (await this.#meterOf(account)).meter.counts(id);
  }

  async usageOf(account: string): Promise<Usage> {
    const made = await this.#meterOf(account);
    await this.#settle(made);
    const { meter, before } = made;
    const { db } = this.#options;
    const own = await db.selectFrom('targets').where('account', '=', account).select('id').execute();
    const counts = own.map(({ id }) => meter.counts(id));
    const { name } = await db.selectFrom('accounts').where('id', '=', account).select('name').executeTakeFirstOrThrow();
    return {
      account: name,
      bytes: counts.reduce((sum, each) => sum + each.bytes, 0),
      objects: counts.reduce((sum, each) => sum + each.objects, 0),
      used: meter.used,
      quota: meter.quota,
      perObject: meter.perObject,
      byteHours: (before + meter.byteTime()) / HOUR,
    };
  }

  /** Of all accounts that pay, by name: those that nobody uses are read in one question, and no meter is made for them. */
  async usageOfAll(): Promise<Usage[]> {
    const { db, clock } = this.#options;
    const rows = await db
      .selectFrom('accounts')
      .leftJoin('targets', 'targets.account', 'accounts.id')
      .where('accounts.parent', 'is', null)
      .groupBy('accounts.id')
      .select(['accounts.id', 'accounts.name', 'accounts.quota', 'accounts.per_object'])
      .select(['accounts.byte_time', 'accounts.metered'])
      .select(({ fn }) => [
        fn.sum<number | string | null>('targets.bytes').as('bytes'),
        fn.sum<number | string | null>('targets.objects').as('objects'),
        fn.max('targets.is_open').as('isOpen'),
      ])
      .orderBy('accounts.name')
      .execute();
    return Promise.all(
      rows.map((row) => {
        if (this.#meters.has(row.id) || row.isOpen === 1) return this.usageOf(row.id);
        const [bytes, objects] = [Number(row.bytes ?? 0), Number(row.objects ?? 0)];
        const used = bytes + row.per_object * objects;
        const byteTime = row.byte_time + used * Math.max(0, clock.now() - row.metered);
        const limits = { quota: row.quota, perObject: row.per_object };
        return { account: row.name, bytes, objects, used, ...limits, byteHours: byteTime / HOUR };
      }),
    );
  }

  /** Its limits are others now. */
  async accountChanged(account: string): Promise<void> {
    const { meter } = await this.#meterOf(account);
    const row = await this.#options.db
      .selectFrom('accounts')
      .where('id', '=', account)
      .select(['quota', 'per_object'])
      .executeTakeFirst();
    if (row === undefined) return;
    meter.quota = row.quota;
    meter.perObject = row.per_object;
  }

  /**
   * Of a target that the database does not name any more. What is left when the server ends in the midst of it is removed at the next start, and
   * nothing is ever removed only because the database does not name it.
   */
  remove(account: string, id: string): Promise<Counts> {
    const known = this.#removed.get(id);
    if (known !== undefined) return known;
    const removing = this.#remove(account, id);
    this.#removed.set(id, removing);
    return removing;
  }

  async #remove(account: string, id: string): Promise<Counts> {
    const own = await this.#meterOf(account).catch(() => undefined);
    own?.unsure.delete(id);
    const open = await this.#open.get(id)?.catch(() => undefined);
    await open?.close();
    this.#open.delete(id);
    this.#options.told.lost(id);
    const counts = own?.meter.counts(id) ?? { bytes: 0, objects: 0 };
    own?.meter.drop(id);
    await this.#options.storage.remove(id);
    return counts;
  }

  /** An account that is no more. */
  forget(account: string): void {
    this.#meters.delete(account);
  }

  /** Counts all targets anew: what was counted, and what lies there. */
  async recountAll(): Promise<(Recount & { owner: string; target: string })[]> {
    const rows = await this.#options.db
      .selectFrom('targets')
      .innerJoin('accounts', 'accounts.id', 'targets.account')
      .select(['targets.id', 'targets.name as target', 'accounts.id as ownerId', 'accounts.name as owner'])
      .orderBy('accounts.name')
      .orderBy('targets.name')
      .execute();
    const found: (Recount & { owner: string; target: string })[] = [];
    for (const { id, target, ownerId, owner } of rows) {
      const counted = await (await this.open({ id, owner: { id: ownerId } })).recount();
      found.push({ owner, target, ...counted });
    }
    return found;
  }

  /** What each account uses, as far as it is known: nothing is counted anew for it. */
  async sizes(): Promise<AccountMetrics[]> {
    const { db } = this.#options;
    const accounts = await db
      .selectFrom('accounts')
      .where('parent', 'is', null)
      .select(['id', 'name', 'quota', 'per_object'])
      .orderBy('name')
      .execute();
    const rows = await db.selectFrom('targets').select(['id', 'account', 'bytes', 'objects']).execute();
    const counts = await Promise.all(
      rows.map(async (row) => ({ account: row.account, ...((await this.sizesOf(row.account, row.id)) ?? row) })),
    );
    return accounts.map(({ id, name, quota, per_object }) => {
      const own = counts.filter(({ account }) => account === id);
      const objects = own.reduce((sum, each) => sum + each.objects, 0);
      const used = own.reduce((sum, each) => sum + each.bytes, objects * per_object);
      return { account: name, used, objects, quota };
    });
  }

  /** The newest object in a folder of each target that has any there. */
  async newestIn(folder: string): Promise<SnapshotAge[]> {
    const { db, storage } = this.#options;
    const rows = await namedTargets(db);
    const found: SnapshotAge[] = [];
    for (const { id, target, owner } of rows) {
      let newest = Number.NEGATIVE_INFINITY;
      for await (const { modified } of storage.look(id, folder)) newest = Math.max(newest, modified);
      if (newest > Number.NEGATIVE_INFINITY) found.push({ account: owner, target, newest });
    }
    return found;
  }

  /** Where database and storage do not fit: nothing is ever removed or made for it. */
  async strays(): Promise<Strays> {
    const { db, storage } = this.#options;
    const rows = await namedTargets(db);
    const known = new Set(rows.map(({ id }) => id));
    const there = new Set(await storage.ids());
    const unknown = [...there].filter((id) => !known.has(id)).sort();
    const missing = rows.filter(({ id, objects }) => objects > 0 && !there.has(id));
    return {
      unknown: unknown.map((id) => storage.whereIs(id)),
      missing: missing.map((each) => ({ ...each, folder: storage.whereIs(each.id) })),
    };
  }

  /** Writes down what was metered: what is lost of it otherwise is estimated from what lies there at the next start. */
  async saveMeters(): Promise<void> {
    const { db, clock } = this.#options;
    for (const [id, own] of this.#meters) {
      const made = await own.catch(() => undefined);
      if (made === undefined) continue;
      const set = { byte_time: Math.round(made.before + made.meter.byteTime()), metered: clock.now() };
      await db.updateTable('accounts').where('id', '=', id).set(set).execute();
    }
  }

  /** Waits for changes under way, and saves all counts. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const open = await Promise.allSettled(this.#open.values());
    await Promise.all(open.map((each) => (each.status === 'fulfilled' ? each.value.close() : undefined)));
    await this.saveMeters();
  }
}

function noMore(): NeoError {
  return new NeoError('no-repository', 'the target is no more');
}

function namedTargets(db: Kysely<Tables>): Promise<NamedTarget[]> {
  return db
    .selectFrom('targets')
    .innerJoin('accounts', 'accounts.id', 'targets.account')
    .select(['targets.id', 'targets.name as target', 'targets.objects', 'accounts.name as owner'])
    .orderBy('accounts.name')
    .orderBy('targets.name')
    .execute();
}
