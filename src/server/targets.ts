/**
 * Where targets lie, and what they hold: `targets/ID` below the data folder, so that nothing a client sends is part of a path there. One meter
 * for each account that pays; it is right before anybody puts anything.
 */
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Kysely } from 'kysely';
import type { ServedBackend } from '../backends/backend.ts';
import type { Clock } from '../core/clock.ts';
import { NeoError, systemCode } from '../core/errors.ts';
import type { ControlAnswer } from '../protocol/control.ts';
import type { Tables } from './database/tables.ts';
import { type Counts, Meter } from './meter.ts';
import { type CountedTarget, openCounted, type Recount } from './quota.ts';

export interface TargetStoreOptions {
  readonly db: Kysely<Tables>;
  readonly clock: Clock;
  /** The data folder. */
  readonly folder: string;
  /** The storage of a target in a folder, made where there is none. */
  readonly openStorage: (folder: string) => Promise<ServedBackend>;
}

type Usage = ControlAnswer<'usage'>;

/** Milliseconds in an hour: what is metered is billed by the hour. */
const HOUR = 3_600_000;

interface OwnMeter {
  readonly meter: Meter;
  /** Bytes × milliseconds before this meter was made. */
  readonly before: number;
  /** Targets that nobody closed, to be counted before anything is put anywhere in the account. */
  readonly unsure: readonly string[];
}

export class TargetStore {
  readonly #options: TargetStoreOptions;
  readonly #open = new Map<string, Promise<CountedTarget>>();
  readonly #meters = new Map<string, Promise<OwnMeter>>();
  #isClosed = false;

  constructor(options: TargetStoreOptions) {
    this.#options = options;
  }

  /** What was being removed when the server ended. */
  async finishRemovals(): Promise<void> {
    const folder = join(this.#options.folder, 'removed');
    const left = await readdir(folder).catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') return [];
      throw error;
    });
    for (const name of left) await rm(join(folder, name), { recursive: true, force: true });
  }

  /** @throws NeoError of the storage */
  async open(place: { readonly id: string; readonly owner: { readonly id: string } }): Promise<CountedTarget> {
    const own = await this.#meterOf(place.owner.id);
    for (const id of own.unsure) await this.#opened(id, own.meter);
    return this.#opened(place.id, own.meter);
  }

  #opened(id: string, meter: Meter): Promise<CountedTarget> {
    if (this.#isClosed) throw new NeoError('unreachable', 'the server is ending');
    const known = this.#open.get(id);
    if (known !== undefined) return known;
    const opening = this.#openAnew(id, meter);
    this.#open.set(id, opening);
    opening.catch(() => this.#open.delete(id));
    return opening;
  }

  async #openAnew(id: string, meter: Meter): Promise<CountedTarget> {
    const { db, folder, openStorage } = this.#options;
    const row = () => db.selectFrom('targets').where('id', '=', id).select(['bytes', 'objects', 'is_open']);
    return openCounted(await openStorage(join(folder, 'targets', id)), meter, {
      target: id,
      async load() {
        const { bytes, objects, is_open } = await row().executeTakeFirstOrThrow();
        return { bytes, objects, isOpen: is_open === 1 };
      },
      async markOpen() {
        await db.updateTable('targets').where('id', '=', id).set({ is_open: 1 }).execute();
      },
      async save(bytes, objects) {
        await db.updateTable('targets').where('id', '=', id).set({ bytes, objects, is_open: 0 }).execute();
      },
    });
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
    return { meter, before, unsure: targets.filter(({ is_open }) => is_open === 1).map(({ id }) => id) };
  }

  /** Of a target that is in use. */
  async sizesOf(account: string, id: string): Promise<Counts | undefined> {
    if (!this.#open.has(id)) return undefined;
    return (await this.#meterOf(account)).meter.counts(id);
  }

  async usageOf(account: string): Promise<Usage> {
    const { meter, before, unsure } = await this.#meterOf(account);
    for (const id of unsure) await this.#opened(id, meter);
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
   * Of a target that the database does not name any more. Moved aside first: what is left when the server ends in the midst of it is removed at the
   * next start, and nothing is ever removed only because the database does not name it.
   */
  async remove(account: string, id: string): Promise<Counts> {
    const { folder } = this.#options;
    const own = await this.#meterOf(account).catch(() => undefined);
    const open = await this.#open.get(id)?.catch(() => undefined);
    await open?.close();
    this.#open.delete(id);
    const counts = own?.meter.counts(id) ?? { bytes: 0, objects: 0 };
    own?.meter.drop(id);
    const aside = join(folder, 'removed', id);
    await mkdir(join(folder, 'removed'), { recursive: true, mode: 0o700 });
    const isThere = await rename(join(folder, 'targets', id), aside).then(
      () => true,
      (error: unknown) => {
        if (systemCode(error) === 'ENOENT') return false;
        throw error;
      },
    );
    if (isThere) await rm(aside, { recursive: true, force: true });
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
