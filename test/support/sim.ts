/**
 * The crash sweep: a script is run once to count its mutating storage operations, then again for each of them and each
 * moment (before, torn, after) on fresh storage that dies there; `verify` looks at what is left.
 */

import type { Backend } from '../../src/backends/backend.ts';
import { CrashBackend, Crashed, type CrashMoment, type CrashPlan } from '../../src/backends/crash.ts';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { SimClock } from './sim-clock.ts';
import { SimRandom } from './sim-random.ts';

/** What one run of a script is given. The same seed each time, so that the runs are alike up to the crash. */
export interface SweepRun<T> {
  readonly backend: Backend;
  readonly clock: SimClock;
  readonly random: SimRandom;
  /** The script promises: this much has to survive whatever comes now. */
  acknowledge(fact: T): void;
}

export interface SweepOptions {
  /** At most so many points, spread evenly with the first and last kept. Default: all. */
  readonly points?: number;
  readonly moments?: readonly CrashMoment[];
  /** Shares of the bytes that torn puts leave. Default: none, one half, all but the last. */
  readonly kept?: readonly number[];
  readonly seed?: number;
  /** Storage that every run starts from (a copy of it). */
  readonly start?: MemoryBackend;
}

export interface SweepResult {
  /** Mutating operations of the undisturbed run. */
  readonly operations: number;
  /** Crashes played and verified. */
  readonly points: number;
  /** Points that a run did not reach, as it took fewer operations; verified as finished runs. 0 in a deterministic script. */
  readonly unreached: number;
}

export type Script<T> = (run: SweepRun<T>) => Promise<void>;
export type Verify<T, Storage = MemoryBackend> = (
  surviving: Storage,
  acknowledged: readonly T[],
  context: { readonly plan: CrashPlan | undefined; readonly clock: SimClock; readonly random: SimRandom },
) => Promise<void>;

interface Played<T> {
  readonly backend: CrashBackend;
  readonly acknowledged: readonly T[];
  readonly clock: SimClock;
}

/** @throws whatever `verify` throws, with the crash point in front; whatever the script throws without a crash */
export async function sweep<T>(script: Script<T>, verify: Verify<T>, options: SweepOptions = {}): Promise<SweepResult> {
  const whole = await play(script, undefined, options);
  const operations = whole.backend.mutations;
  await check(whole, verify, undefined, options);
  let unreached = 0;
  const plans = choose(plansFor(operations, options), options.points);
  for (const plan of plans) {
    const run = await play(script, plan, options);
    if (!run.backend.crashed) unreached += 1;
    await check(run, verify, plan, options);
  }
  return { operations, points: plans.length, unreached };
}

function plansFor(operations: number, options: SweepOptions): CrashPlan[] {
  const moments = options.moments ?? ['before', 'torn', 'after'];
  const kept = options.kept ?? [0, 0.5, 1];
  return Array.from({ length: operations }, (_, n) => n + 1).flatMap((at) =>
    moments.flatMap((when): CrashPlan[] =>
      when === 'torn' ? kept.map((share) => ({ at, when, kept: share })) : [{ at, when }],
    ),
  );
}

function choose(plans: readonly CrashPlan[], limit = plans.length): readonly CrashPlan[] {
  if (plans.length <= limit) return plans;
  const step = (plans.length - 1) / Math.max(1, limit - 1);
  return Array.from({ length: limit }, (_, n) => plans[Math.round(n * step)]).filter((plan) => plan !== undefined);
}

async function play<T>(script: Script<T>, plan: CrashPlan | undefined, options: SweepOptions): Promise<Played<T>> {
  const clock = new SimClock();
  const backend = new CrashBackend(options.start?.clone(clock) ?? new MemoryBackend(clock), plan);
  const acknowledged: T[] = [];
  const run: SweepRun<T> = {
    backend,
    clock,
    random: new SimRandom(options.seed ?? 1),
    // A promise given after the crash was never heard.
    acknowledge: (fact) => {
      if (!backend.crashed) acknowledged.push(fact);
    },
  };
  try {
    await script(run);
  } catch (error) {
    if (!backend.crashed) throw error;
  }
  return { backend, acknowledged, clock };
}

async function check<T>(
  run: Played<T>,
  verify: Verify<T>,
  plan: CrashPlan | undefined,
  options: SweepOptions,
): Promise<void> {
  try {
    const random = new SimRandom((options.seed ?? 1) + 1);
    await verify(run.backend.survivors(), [...run.acknowledged], { plan, clock: run.clock, random });
  } catch (cause) {
    const point = plan === undefined ? 'the whole run' : `a crash ${describe(plan)}`;
    throw new Error(`after ${point}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

function describe(plan: CrashPlan): string {
  const kept = plan.kept === undefined ? '' : ` (kept ${plan.kept})`;
  return `${plan.when} mutating operation ${plan.at}${kept}`;
}

/** True for the simulated crash, however deep in the causes it lies. */
export function isCrash(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof Crashed) return true;
  return false;
}
