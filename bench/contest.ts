/** One scene: neo and its rivals do the same in turns, each in a place of its own. */
import fs from 'node:fs';
import { join } from 'node:path';
import { editFiles } from './edits.ts';
import type { Cost, Sample } from './figures.ts';
import { limitsOf } from './limits.ts';
import { type Command, measure, sizeOfTree } from './measure.ts';
import type { Operation, Scene, SceneName } from './operations.ts';
import { Seeded } from './seeded.ts';
import type { Calls, Tool } from './tools.ts';
import { readAll, touchMemory } from './warm.ts';

export interface Contest {
  readonly name: SceneName;
  readonly scene: Scene;
  readonly wanted: ReadonlySet<Operation>;
  readonly tools: readonly Tool[];
  /** Of the corpora, in the scene's order; never empty. */
  readonly sources: readonly string[];
  /** An empty folder; what is put there is removed again. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  readonly record: (sample: Sample) => void;
}

interface Contestant {
  readonly tool: Tool;
  readonly calls: Calls;
  readonly repository: string;
}

/** From empty repositories to the end of the scene. @param round the first is 0 */
export async function playRound(contest: Contest, round: number): Promise<void> {
  for (const source of contest.sources) readAll(source);
  const played = new Round(contest, round);
  try {
    await played.play();
  } finally {
    fs.rmSync(contest.folder, { recursive: true, force: true });
  }
}

class Round {
  readonly #contest: Contest;
  readonly #round: number;
  #contestants: Contestant[] = [];

  constructor(contest: Contest, round: number) {
    this.#contest = contest;
    this.#round = round;
  }

  async play(): Promise<void> {
    const [source = '', second = '', third = ''] = this.#contest.sources;
    if (this.#wants('limits')) await this.#limits(source);
    if (!this.#contest.scene.operations.some((operation) => operation !== 'limits' && this.#wants(operation))) return;
    this.#contestants = this.#contest.tools.map((tool) => this.#admitted(tool));
    await this.#inTurns(async (one) => {
      for (const command of one.calls.init) await this.#run(command);
    });
    await this.#snapshots('first', source);
    if (this.#wants('unchanged')) await this.#snapshots('unchanged', source);
    if (this.#wants('image-scattered')) await this.#snapshots('image-scattered', second);
    if (this.#wants('image-runs')) await this.#snapshots('image-runs', third);
    for (const operation of ['ls', 'check', 'check-data', 'version', 'snapshots'] as const) {
      if (this.#wants(operation)) await this.#timed(operation, ({ calls }) => calls[operation]);
    }
    if (this.#wants('restore') || this.#wants('restore-over')) await this.#restores();
    if (this.#wants('edits')) await this.#edits(source);
  }

  #wants(operation: Operation): boolean {
    return this.#contest.wanted.has(operation) && this.#contest.scene.operations.includes(operation);
  }

  #admitted(tool: Tool): Contestant {
    const folder = join(this.#contest.folder, tool.name.replaceAll(/\W+/g, '-'));
    const place = { home: join(folder, 'home'), repository: join(folder, 'repository'), key: join(folder, 'key') };
    fs.mkdirSync(place.home, { recursive: true });
    return { tool, calls: tool.calls(place), repository: place.repository };
  }

  /** Rivals that fail are out from there on: neo is measured nevertheless. */
  async #inTurns(act: (one: Contestant) => Promise<void>): Promise<void> {
    for (const one of [...this.#contestants]) {
      try {
        await act(one);
      } catch (error) {
        if (one.tool.needed || this.#contest.signal.aborted) throw error;
        this.#contest.say(`${one.tool.name} is out: ${error instanceof Error ? error.message : error}`);
        this.#contestants = this.#contestants.filter((other) => other !== one);
      }
    }
  }

  /** Just before what writes: a guest's system gives memory back to its host within seconds of becoming free. */
  #touchMemory(): void {
    const bytes = sizeOfTree(this.#contest.sources[0] ?? '');
    touchMemory(this.#contest.folder, bytes + Math.min(OWN_MEMORY.most, OWN_MEMORY.least + bytes));
  }

  #run(command: Command): Promise<Omit<Sample, 'scene' | 'operation' | 'tool' | 'pair'>> {
    return measure(command, this.#contest.signal);
  }

  /** What the derivation of its key costs, taken beside each measurement that contains it. */
  async #opening({ calls }: Contestant, operation: Operation): Promise<{ opening?: Cost }> {
    if (calls.open === undefined || operation === 'version') return {};
    const { seconds, cpu } = await this.#run(calls.open);
    return { opening: { seconds, cpu } };
  }

  #record(operation: Operation, tool: string, repeat: number, usage: Omit<Sample, keyof Who>): void {
    if (!this.#wants(operation)) return;
    const { name, scene, record } = this.#contest;
    record({ scene: name, operation, tool, pair: this.#round * scene.times + repeat, ...usage });
  }

  async #timed(operation: Operation, command: (one: Contestant) => Command): Promise<void> {
    for (let repeat = 0; repeat < this.#contest.scene.times; repeat += 1) {
      await this.#inTurns(async (one) => {
        const opening = await this.#opening(one, operation);
        this.#record(operation, one.tool.name, repeat, { ...(await this.#run(command(one))), ...opening });
      });
    }
  }

  /** Once in a round: a second one would find everything there. */
  async #snapshots(operation: Operation, path: string): Promise<void> {
    await this.#inTurns(async (one) => {
      const opening = this.#wants(operation) ? await this.#opening(one, operation) : {};
      const before = sizeOfTree(one.repository);
      if (this.#wants(operation) && operation !== 'unchanged') this.#touchMemory();
      const usage = await this.#run(one.calls.snapshot(operation, path));
      const bytes = sizeOfTree(one.repository) - before;
      this.#record(operation, one.tool.name, 0, { ...usage, ...opening, bytes });
    });
  }

  /** Both in one turn, so that there is never more than one restored copy in memory. */
  async #restores(): Promise<void> {
    const target = join(this.#contest.folder, 'restored');
    await this.#inTurns(async (one) => {
      fs.mkdirSync(target);
      try {
        for (const operation of ['restore', 'restore-over'] as const) {
          if (operation === 'restore-over' && !this.#wants(operation)) continue;
          const opening = await this.#opening(one, operation);
          const { restore, restoreOver = restore } = one.calls;
          const command = operation === 'restore' ? restore(target) : restoreOver(target);
          this.#touchMemory();
          this.#record(operation, one.tool.name, 0, { ...(await this.#run(command)), ...opening });
        }
      } finally {
        fs.rmSync(target, { recursive: true });
      }
    });
  }

  /** Of a copy, which everybody has saved before it is edited. */
  async #edits(source: string): Promise<void> {
    const copy = join(this.#contest.folder, 'copy');
    await this.#run({ argv: ['cp', '-a', source, copy], env: {} });
    await this.#inTurns(async ({ calls }) => {
      await this.#run(calls.snapshot('copy', copy));
    });
    editFiles(copy, new Seeded(`edits ${this.#round}`));
    await this.#snapshots('edits', copy);
  }

  async #limits(source: string): Promise<void> {
    const to = join(this.#contest.folder, 'limit');
    fs.mkdirSync(this.#contest.folder, { recursive: true });
    const bytes = sizeOfTree(source);
    for (const { name, command } of limitsOf(source, to)) {
      this.#record('limits', name, 0, { ...(await this.#run(command)), bytes });
      fs.rmSync(to, { recursive: true, force: true });
    }
  }
}

/** What a program takes for itself while it writes: less of a small corpus. */
const OWN_MEMORY = { least: 128 << 20, most: 512 << 20 };

type Who = Pick<Sample, 'scene' | 'operation' | 'tool' | 'pair'>;
