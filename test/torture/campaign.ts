/** Long tests in numbered cases: seeded, resumable, counted. The state lies in `.torture/`. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Campaign {
  readonly name: string;
  /** Cases numbered from 0; each is a function of its number and the seed. */
  readonly cases: number;
  /** Returns figures that are added up. @throws for a violation */
  run(number: number): Promise<Readonly<Record<string, number>>>;
  /** What was started for it. */
  stop?(): Promise<void>;
}

interface State {
  readonly seed: number;
  readonly cases: number;
  next: number;
  readonly figures: Record<string, number>;
  readonly violations: string[];
}

export interface Limits {
  /** Cases of this run; the next run goes on from there. */
  readonly most: number;
}

/** True if no case failed so far, of this run and those before it. */
export async function carryOut(folder: string, seed: number, campaign: Campaign, limits: Limits): Promise<boolean> {
  const path = join(folder, `${campaign.name}.json`);
  const state = load(path, seed, campaign.cases);
  const started = Date.now();
  const end = Math.min(campaign.cases, state.next + limits.most);
  for (; state.next < end; state.next += 1) {
    try {
      const figures = await campaign.run(state.next);
      for (const [name, value] of Object.entries(figures)) state.figures[name] = (state.figures[name] ?? 0) + value;
    } catch (error) {
      const message = `case ${state.next}: ${error instanceof Error ? error.message : String(error)}`;
      state.violations.push(message);
      console.log(`${campaign.name} VIOLATION (seed ${seed}) ${message}`);
    }
    save(path, { ...state, next: state.next + 1 });
  }
  const figures = Object.entries(state.figures).map(([name, value]) => `${value} ${name}`);
  const seconds = Math.round((Date.now() - started) / 1000);
  const done = `${state.next} of ${campaign.cases} cases`;
  console.log(`${campaign.name}: ${done}, ${figures.join(', ')}, ${state.violations.length} violations (${seconds} s)`);
  return state.violations.length === 0;
}

function load(path: string, seed: number, cases: number): State {
  const fresh: State = { seed, cases, next: 0, figures: {}, violations: [] };
  if (!existsSync(path)) return fresh;
  const before = JSON.parse(readFileSync(path, 'utf8')) as State;
  return before.seed === seed && before.cases === cases && before.next < cases ? before : fresh;
}

function save(path: string, state: State): void {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(`${path}.tmp`, JSON.stringify(state, undefined, 1));
  renameSync(`${path}.tmp`, path);
}
