/** Random operations on a counted target: one after another against a model, and all at once in any order. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isNeoError, NeoError } from '../../src/core/errors.ts';
import {
  answer,
  charged,
  expectExact,
  FAULTS,
  fresh,
  onDisk,
  open,
  pieces,
  type World,
} from '../support/counted-world.ts';

interface Model {
  readonly objects: Map<string, Uint8Array>;
  quota: number;
  perObject: number;
}

type Command = fc.AsyncCommand<Model, World>;

const sum = ({ objects, perObject }: Model) =>
  [...objects.values()].reduce((all, bytes) => all + bytes.length + perObject, 0);

class Step implements Command {
  readonly #name: string;
  readonly #run: (model: Model, world: World) => Promise<void>;

  constructor(name: string, run: (model: Model, world: World) => Promise<void>) {
    this.#name = name;
    this.#run = run;
  }

  check() {
    return true;
  }

  async run(model: Model, world: World) {
    await this.#run(model, world);
    // Nobody could look what a fault left: the next change counts first, and so does this.
    if (this.#name.includes('blind')) {
      expect(world.meter.used).toBeGreaterThanOrEqual(sum(model));
      await world.target.put('probe', new Uint8Array()).catch(() => undefined);
      await world.target.remove('probe');
    }
    expect(world.meter.used).toBe(sum(model));
    expectExact(world);
  }

  toString() {
    return this.#name;
  }
}

const somePath = fc.constantFrom('a', 'b', 'packs/00/x', 'packs/00/y', 'packs/01/x');
const someBytes = fc
  .tuple(fc.constantFrom(0, 1, 7, 40, 100), fc.nat(1))
  .map(([n, fill]) => new Uint8Array(n).fill(fill));

/** What a put has to answer. */
function expected(model: Model, path: string, bytes: Uint8Array): boolean | string {
  const there = model.objects.get(path);
  if (there !== undefined) return Buffer.compare(there, bytes) === 0 ? false : 'integrity';
  return sum(model) + bytes.length + model.perObject > model.quota ? 'quota-exceeded' : true;
}

const putStep = fc.tuple(somePath, someBytes).map(
  ([path, bytes]) =>
    new Step(`put(${path}, ${bytes.length}×${bytes[0]})`, async (model, { target, meter }) => {
      const wanted = expected(model, path, bytes);
      const half = bytes.length >> 1;
      const body = pieces(bytes.slice(0, half), bytes.slice(half));
      expect(await answer(target.putPieces(path, body, bytes.length))).toBe(wanted);
      if (wanted !== true) return;
      model.objects.set(path, bytes);
      expect(meter.used).toBeLessThanOrEqual(model.quota);
    }),
);

const duplicateStep = fc.nat(9).map(
  (n) =>
    new Step(`duplicate(${n})`, async (model, { target }) => {
      const [path, bytes] = [...model.objects][n % Math.max(1, model.objects.size)] ?? [];
      if (path === undefined || bytes === undefined) return;
      expect(await target.putPieces(path, pieces(bytes), bytes.length)).toBe(false);
    }),
);

const cutStep = fc.tuple(somePath, someBytes, fc.constantFrom('cut', 'short', 'long')).map(
  ([path, bytes, how]) =>
    new Step(`${how}(${path}, ${bytes.length})`, async (model, { target }) => {
      const body = async function* () {
        yield bytes;
        if (how === 'cut') throw new NeoError('unreachable', 'cut off');
      };
      const length = how === 'long' ? bytes.length - 1 : bytes.length + 1;
      const there = model.objects.has(path);
      const full = !there && sum(model) + length + model.perObject > model.quota;
      const wanted = full ? 'quota-exceeded' : how === 'cut' ? 'unreachable' : 'failed';
      expect(await answer(target.putPieces(path, body(), length))).toBe(wanted);
    }),
);

const failedPutStep = fc.tuple(somePath, someBytes, fc.constantFrom(...FAULTS)).map(
  ([path, bytes, fault]) =>
    new Step(`putFails(${path}, ${bytes.length}, ${fault})`, async (model, { target, plan }) => {
      const wanted = expected(model, path, bytes);
      plan.next = fault;
      const got = await answer(target.putPieces(path, pieces(bytes), bytes.length));
      // One that was there fails too, or is found to be another, and leaves all as it was.
      expect(wanted === true || wanted === false ? got : 'any').toBe(typeof wanted === 'boolean' ? 'no-space' : 'any');
      plan.next = undefined;
      if (wanted === true && fault.endsWith('after')) model.objects.set(path, bytes);
    }),
);

const removeStep = somePath.map(
  (path) =>
    new Step(`remove(${path})`, async (model, { target }) => {
      await target.remove(path);
      model.objects.delete(path);
    }),
);

const failedRemovalStep = fc.tuple(somePath, fc.constantFrom(...FAULTS)).map(
  ([path, fault]) =>
    new Step(`removeFails(${path}, ${fault})`, async (model, { target, plan }) => {
      plan.next = fault;
      await expect(target.remove(path)).rejects.toMatchObject({ code: 'no-space' });
      if (fault.endsWith('after')) model.objects.delete(path);
    }),
);

const recountStep = fc.constant(
  new Step('recount', async (model, { target }) => {
    const { bytes, objects, wasBytes, wasObjects } = await target.recount();
    expect([bytes, objects]).toEqual([wasBytes, wasObjects]);
    expect(objects).toBe(model.objects.size);
  }),
);

const reopenStep = fc.constantFrom(true, false).map(
  (isKilled) =>
    new Step(isKilled ? 'kill' : 'reopen', async (model, world) => {
      if (!isKilled) {
        await world.target.close();
        expect(world.row.row).toEqual({ ...onDisk(world.root), isOpen: false });
      }
      Object.assign(world, await open(world, model));
    }),
);

const limitsStep = fc.tuple(fc.constantFrom(0, 60, 200, 400), fc.constantFrom(0, 10, 30)).map(
  ([quota, perObject]) =>
    new Step(`limits(${quota}, ${perObject})`, async (model, { meter }) => {
      Object.assign(model, { quota, perObject });
      Object.assign(meter, { quota, perObject });
    }),
);

it('agrees with a model over random operations', async () => {
  const steps = [putStep, putStep, putStep, duplicateStep, cutStep, failedPutStep, removeStep, failedRemovalStep];
  const all = [...steps, recountStep, reopenStep, limitsStep];
  await fc.assert(
    fc.asyncProperty(fc.commands(all, { maxCommands: 30 }), async (commands) => {
      const limits = { quota: 200, perObject: 10 };
      const real = await fresh(limits);
      await fc.asyncModelRun(() => ({ model: { objects: new Map(), ...limits }, real }), commands);
    }),
    { numRuns: 200 },
  );
});

// ---------------------------------------------------------------- all at once

type Deed = (world: World, run: fc.Scheduler) => Promise<unknown>;

const concurrentDeed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(somePath, someBytes).map(([path, bytes]): Deed => slowPut(path, bytes)) },
  {
    weight: 3,
    arbitrary: somePath.map(
      (path): Deed =>
        ({ target }) =>
          target.remove(path),
    ),
  },
  { weight: 1, arbitrary: fc.constant<Deed>(({ target }) => target.recount()) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...FAULTS).map(
      (fault): Deed =>
        async ({ plan }) => {
          plan.next = fault;
        },
    ),
  },
);

function slowPut(path: string, bytes: Uint8Array): Deed {
  return ({ target }, run) => {
    const body = async function* () {
      yield bytes.slice(0, 3);
      await run.schedule(Promise.resolve());
      yield bytes.slice(3);
      await run.schedule(Promise.resolve());
    };
    return target.putPieces(path, body(), bytes.length);
  };
}

it('is exact in whatever order things end, and never above the quota', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(concurrentDeed, { minLength: 2, maxLength: 24 }), fc.scheduler(), async (deeds, run) => {
      const world = await fresh({ quota: 200, perObject: 10 });
      const within = () => {
        expect(charged(world)).toBeLessThanOrEqual(world.meter.used);
        expect(world.meter.used).toBeLessThanOrEqual(200);
      };
      const begun = deeds.map(async (deed) => {
        await run.schedule(Promise.resolve());
        await deed(world, run).catch((error: unknown) => expect(isNeoError(error), String(error)).toBe(true));
        within();
      });
      await run.waitFor(Promise.all(begun));
      world.plan.next = undefined;
      // The first may be blind still, the second counts.
      await world.target.remove('none').catch(() => undefined);
      await world.target.remove('none').catch(() => undefined);
      expectExact(world);
      await world.target.close();
      expect(world.row.row).toEqual({ ...onDisk(world.root), isOpen: false });
    }),
    { numRuns: 200 },
  );
});
