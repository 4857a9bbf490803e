/** A counted target over a folder, with its row and its faults, and what lies there in truth. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { ServedBackend } from '../../src/backends/backend.ts';
import { openLocal } from '../../src/backends/local.ts';
import { isNeoError, NeoError } from '../../src/core/errors.ts';
import { type Counts, Meter, type MeterLimits } from '../../src/server/meter.ts';
import { type CountedTarget, type CountStore, openCounted } from '../../src/server/quota.ts';
import { SimClock } from './sim-clock.ts';
import { tempFolder } from './temp-repository.ts';

/** The row of a target, as a database has it. */
export class Row implements CountStore {
  readonly target = 'target';
  row = { bytes: 0, objects: 0, isOpen: false };
  readonly calls: string[] = [];
  /** Awaited by the next mark. */
  before: () => Promise<void> = async () => undefined;

  async load() {
    return this.row;
  }

  async markOpen() {
    this.calls.push('mark');
    await this.before();
    this.row = { ...this.row, isOpen: true };
  }

  async save(bytes: number, objects: number) {
    this.calls.push('save');
    this.row = { bytes, objects, isOpen: false };
  }
}

/** What lies on the disk, at this moment. */
export function onDisk(root: string): Counts {
  let bytes = 0;
  let objects = 0;
  for (const entry of existsSync(root) ? readdirSync(root, { recursive: true, withFileTypes: true }) : []) {
    if (!entry.isFile() || entry.parentPath === join(root, 'tmp')) continue;
    bytes += statSync(join(entry.parentPath, entry.name)).size;
    objects += 1;
  }
  return { bytes, objects };
}

/**
 * How the next put or removal fails: without effect, in spite of it, or such that nobody can look what it left
 * (`blind-before`, `blind-after`).
 */
export const FAULTS = ['before', 'after', 'blind-before', 'blind-after'] as const;
export type Fault = (typeof FAULTS)[number];

interface Plan {
  next?: Fault | undefined;
  /** Holds up an answer that is known already. */
  afterStat?: (() => Promise<void>) | undefined;
}

function faulty(storage: ServedBackend, plan: Plan): ServedBackend {
  let isBlind = false;
  const fail = async <T>(isChanging: boolean, work: () => Promise<T>): Promise<T> => {
    const fault = isChanging ? plan.next : undefined;
    if (isBlind && !isChanging) {
      isBlind = false;
      throw new NeoError('failed', 'blind');
    }
    if (fault === undefined) return work();
    plan.next = undefined;
    if (fault.endsWith('after')) await work();
    isBlind = fault.startsWith('blind');
    throw new NeoError('no-space', 'faulty');
  };
  return new Proxy(storage, {
    get(inner, key) {
      const value = Reflect.get(inner, key);
      if (typeof value !== 'function') return value;
      const call = value.bind(inner);
      if (key === 'remove') return (path: string) => fail(true, () => call(path));
      if (key === 'stat') {
        return async (path: string) => {
          const info = await fail(false, () => call(path));
          await plan.afterStat?.();
          return info;
        };
      }
      if (key !== 'putPieces') return call;
      return async (path: string, pieces: AsyncIterable<Uint8Array>) => {
        // A fault strikes when all bytes are here: before that nothing is in question.
        const held: Uint8Array[] = [];
        for await (const piece of pieces) held.push(piece);
        const again = async function* () {
          yield* held;
        };
        return fail(true, () => call(path, again()));
      };
    },
  });
}

export interface World {
  readonly root: string;
  readonly row: Row;
  readonly plan: Plan;
  meter: Meter;
  target: CountedTarget;
}

export const clock = new SimClock();

export async function open(world: Pick<World, 'root' | 'row' | 'plan'>, limits: MeterLimits) {
  const meter = new Meter(clock, limits);
  const storage = faulty(await openLocal(world.root, { create: true }), world.plan);
  return { meter, target: await openCounted(storage, meter, world.row) };
}

export async function fresh(limits: Partial<MeterLimits> = {}): Promise<World> {
  const start = { root: join(await tempFolder(), 'objects'), row: new Row(), plan: {} };
  return { ...start, ...(await open(start, { quota: null, perObject: 0, ...limits })) };
}

export function charged({ root, meter }: World): number {
  const { bytes, objects } = onDisk(root);
  return bytes + meter.perObject * objects;
}

export function expectExact(world: World): void {
  expect(world.meter.counts('target')).toEqual(onDisk(world.root));
  expect(world.meter.used).toBe(charged(world));
}

export async function* pieces(...parts: Uint8Array[]) {
  yield* parts;
}

/** A body that ends when it is told to. */
export function held(bytes: Uint8Array) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const body = async function* () {
    yield bytes;
    await promise;
  };
  return { body: body(), finish: resolve };
}

/** What a put says: whether it made the object, or the error's code. */
export async function answer(work: Promise<boolean>): Promise<boolean | string> {
  return work.catch((error: unknown) => (isNeoError(error) ? error.code : String(error)));
}
