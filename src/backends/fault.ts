/**
 * A storage that misbehaves by plan, over a good one: for tests and the simulator. The faults are drawn from the given
 * randomness, so that a seed repeats a run. Some of them break the contract on purpose, as real storage does.
 */
import { type ErrorCode, NeoError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import type { Backend, ByteRange, ObjectInfo } from './backend.ts';

export type OperationKind = 'put' | 'get' | 'getRange' | 'list' | 'stat' | 'remove' | 'now';

/** One line of the log. */
export interface Operation {
  /** Counted from 1. */
  readonly number: number;
  readonly kind: OperationKind;
  /** The folder for `list`, `''` for `now`. */
  readonly path: string;
  /** Bytes given to a put or asked for by a range, otherwise 0. */
  readonly bytes: number;
}

/**
 * - `error-before`, `error-after` (any operation): an error without, or despite, the effect; a list breaks off half-way.
 * - `torn` (put): the first part stays visible under the final name, and an error.
 * - `lost` (put): success, but the object is gone after {@link FaultBackend.crash} (no fsync).
 * - `duplicate` (put, remove, list): done twice, as by a retry; a list names every object twice.
 * - `unlisted` (put): not in listings for some operations. · `stale` (put, remove): no read notices for some operations.
 * - `flip` (get, getRange): one bit wrong. · `truncate` (get, getRange): the end is missing.
 */
export type Fault =
  | 'error-before'
  | 'error-after'
  | 'torn'
  | 'lost'
  | 'duplicate'
  | 'unlisted'
  | 'stale'
  | 'flip'
  | 'truncate';

export interface FaultRule {
  readonly fault: Fault;
  /** Probability for each operation that fits, 0 to 1. Default 1. */
  readonly chance?: number;
  /** Only the operation of this number. */
  readonly at?: number;
  /** Only these kinds. Default: all that the fault can strike. */
  readonly kinds?: readonly OperationKind[];
  /** Only paths that start so. */
  readonly under?: string;
  /** The code of the error. Default `unreachable`. */
  readonly code?: ErrorCode;
  /** For how many operations `unlisted` and `stale` last. Default 10. */
  readonly delay?: number;
}

export interface FaultPlan {
  /** The first rule that fits an operation and is drawn strikes. */
  readonly rules?: readonly FaultRule[];
  /** Bytes of objects that fit: above it `no-space`. */
  readonly space?: number;
  /** The same, answered as `quota-exceeded`. */
  readonly quota?: number;
  /** Removals are refused with `permission-denied`. */
  readonly appendOnly?: boolean;
  /** Milliseconds by which the storage's clock is ahead (also in `modified`). */
  readonly clockSkew?: number;
  /** Awaited at the start of each operation: slow storage, or a scheduler that chooses who goes on. */
  readonly pause?: (operation: Operation) => Promise<void>;
}

const STRIKES: Readonly<Record<Fault, readonly OperationKind[]>> = {
  'error-before': ['put', 'get', 'getRange', 'list', 'stat', 'remove', 'now'],
  'error-after': ['put', 'get', 'getRange', 'list', 'stat', 'remove', 'now'],
  torn: ['put'],
  lost: ['put'],
  duplicate: ['put', 'remove', 'list'],
  unlisted: ['put'],
  stale: ['put', 'remove'],
  flip: ['get', 'getRange'],
  truncate: ['get', 'getRange'],
};

/** What readers see of a path until the operation `until`. */
interface Illusion {
  readonly until: number;
  readonly listingOnly: boolean;
  /** The object as it was; undefined: there was none. */
  readonly object: { readonly info: ObjectInfo; readonly bytes: Uint8Array } | undefined;
}

export class FaultBackend implements Backend {
  readonly location: string;
  /** Every operation so far, in order of their starts. */
  readonly log: Operation[] = [];
  readonly #inner: Backend;
  readonly #plan: FaultPlan;
  readonly #random: Random;
  readonly #unsynced = new Set<string>();
  readonly #illusions = new Map<string, Illusion>();
  #stored = 0;

  constructor(inner: Backend, plan: FaultPlan, random: Random) {
    this.location = inner.location;
    this.#inner = inner;
    this.#plan = plan;
    this.#random = random;
  }

  /** Power is cut: what was acknowledged without being durable is gone. */
  async crash(): Promise<void> {
    for (const path of this.#unsynced) await this.#inner.remove(path);
    this.#unsynced.clear();
    this.#illusions.clear();
  }

  async put(path: string, bytes: Uint8Array): Promise<void> {
    const { rule, operation } = await this.#begin('put', path, bytes.length);
    const isNew = (await this.#inner.stat(path)) === undefined;
    if (isNew) this.#reserve(path, bytes.length);
    if (rule?.fault === 'torn') {
      if (isNew) await this.#inner.put(path, bytes.subarray(0, this.#below(bytes.length)));
      throw errorOf(rule, operation);
    }
    await this.#inner.put(path, bytes);
    if (rule?.fault === 'duplicate') await this.#inner.put(path, bytes);
    if (rule?.fault === 'lost' && isNew) this.#unsynced.add(path);
    if (isNew) this.#hide(rule, operation, undefined);
    this.#end(rule, operation);
  }

  async get(path: string): Promise<Uint8Array | undefined> {
    const { rule, operation } = await this.#begin('get', path, 0);
    const illusion = this.#illusionOf(path);
    const bytes = illusion === undefined ? await this.#inner.get(path) : illusion.object?.bytes.slice();
    this.#end(rule, operation);
    return this.#damage(rule, bytes);
  }

  async getRange(path: string, range: ByteRange): Promise<Uint8Array | undefined> {
    const { rule, operation } = await this.#begin('getRange', path, range.length);
    const illusion = this.#illusionOf(path);
    const bytes =
      illusion === undefined
        ? await this.#inner.getRange(path, range)
        : illusion.object?.bytes.slice(range.offset, range.offset + range.length);
    this.#end(rule, operation);
    return this.#damage(rule, bytes);
  }

  async *list(folder: string): AsyncIterable<ObjectInfo> {
    const { rule, operation } = await this.#begin('list', folder, 0);
    const found: ObjectInfo[] = [];
    for await (const info of this.#inner.list(folder)) {
      if (!this.#isHidden(info.path)) found.push(this.#skewed(info));
    }
    const prefix = folder === '' ? '' : `${folder}/`;
    for (const { object } of this.#illusions.values()) {
      // Removed already, but the listing does not know it yet.
      if (object?.info.path.startsWith(prefix) && this.#illusionOf(object.info.path))
        found.push(this.#skewed(object.info));
    }
    yield* rule?.fault === 'error-after' ? found.slice(0, Math.ceil(found.length / 2)) : found;
    if (rule?.fault === 'duplicate') yield* found;
    this.#end(rule, operation);
  }

  async stat(path: string): Promise<ObjectInfo | undefined> {
    const { rule, operation } = await this.#begin('stat', path, 0);
    const illusion = this.#illusionOf(path);
    const info = illusion === undefined ? await this.#inner.stat(path) : illusion.object?.info;
    this.#end(rule, operation);
    return info === undefined ? undefined : this.#skewed(info);
  }

  async remove(path: string): Promise<void> {
    const { rule, operation } = await this.#begin('remove', path, 0);
    const info = await this.#inner.stat(path);
    if (info !== undefined && this.#plan.appendOnly) {
      throw new NeoError('permission-denied', `simulated: ${path} may not be removed`);
    }
    const bytes = rule?.fault === 'stale' ? await this.#inner.get(path) : undefined;
    await this.#inner.remove(path);
    if (rule?.fault === 'duplicate') await this.#inner.remove(path);
    this.#stored -= info?.size ?? 0;
    this.#unsynced.delete(path);
    this.#illusions.delete(path);
    if (info !== undefined && bytes !== undefined) this.#hide(rule, operation, { info, bytes });
    this.#end(rule, operation);
  }

  async now(): Promise<number> {
    const { rule, operation } = await this.#begin('now', '', 0);
    const now = await this.#inner.now();
    this.#end(rule, operation);
    return now + (this.#plan.clockSkew ?? 0);
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }

  async #begin(
    kind: OperationKind,
    path: string,
    bytes: number,
  ): Promise<{ readonly rule: FaultRule | undefined; readonly operation: Operation }> {
    const operation: Operation = { number: this.log.length + 1, kind, path, bytes };
    this.log.push(operation);
    const rule = this.#plan.rules?.find((candidate) => fits(candidate, operation) && this.#drawn(candidate));
    await this.#plan.pause?.(operation);
    if (rule?.fault === 'error-before') throw errorOf(rule, operation);
    return { rule, operation };
  }

  #end(rule: FaultRule | undefined, operation: Operation): void {
    if (rule?.fault === 'error-after') throw errorOf(rule, operation);
  }

  #drawn(rule: FaultRule): boolean {
    return rule.chance === undefined || this.#below(2 ** 32) < rule.chance * 2 ** 32;
  }

  /** A whole number from 0 to below `limit` (0 for 0). */
  #below(limit: number): number {
    const bytes = this.#random.bytes(4);
    const word = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
    return Math.floor((word / 2 ** 32) * limit);
  }

  #reserve(path: string, size: number): void {
    const { space, quota } = this.#plan;
    if (quota !== undefined && this.#stored + size > quota) {
      throw new NeoError('quota-exceeded', `simulated: no quota left for ${path}`);
    }
    if (space !== undefined && this.#stored + size > space) {
      throw new NeoError('no-space', `simulated: no space left for ${path}`);
    }
    this.#stored += size;
  }

  #hide(rule: FaultRule | undefined, operation: Operation, object: Illusion['object']): void {
    if (rule?.fault !== 'unlisted' && rule?.fault !== 'stale') return;
    const until = operation.number + (rule.delay ?? 10);
    this.#illusions.set(operation.path, { until, listingOnly: rule.fault === 'unlisted', object });
  }

  #current(path: string): Illusion | undefined {
    const illusion = this.#illusions.get(path);
    return illusion !== undefined && this.log.length <= illusion.until ? illusion : undefined;
  }

  /** The illusion that a direct read of the path is under. */
  #illusionOf(path: string): Illusion | undefined {
    const illusion = this.#current(path);
    return illusion?.listingOnly ? undefined : illusion;
  }

  #isHidden(path: string): boolean {
    return this.#current(path) !== undefined;
  }

  #skewed(info: ObjectInfo): ObjectInfo {
    return { ...info, modified: info.modified + (this.#plan.clockSkew ?? 0) };
  }

  #damage(rule: FaultRule | undefined, bytes: Uint8Array | undefined): Uint8Array | undefined {
    if (bytes === undefined || bytes.length === 0) return bytes;
    if (rule?.fault === 'truncate') return bytes.slice(0, this.#below(bytes.length));
    if (rule?.fault !== 'flip') return bytes;
    const damaged = bytes.slice();
    const at = this.#below(bytes.length);
    damaged[at] = (damaged[at] ?? 0) ^ (1 << this.#below(8));
    return damaged;
  }
}

function fits(rule: FaultRule, operation: Operation): boolean {
  return (
    (rule.at === undefined || rule.at === operation.number) &&
    STRIKES[rule.fault].includes(operation.kind) &&
    (rule.kinds === undefined || rule.kinds.includes(operation.kind)) &&
    (rule.under === undefined || operation.path.startsWith(rule.under))
  );
}

function errorOf(rule: FaultRule, operation: Operation): NeoError {
  const what = `${operation.kind} ${operation.path}`.trim();
  return new NeoError(rule.code ?? 'unreachable', `simulated: ${rule.fault} in operation ${operation.number}, ${what}`);
}
