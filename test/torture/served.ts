/** `neo serve` that is killed and started again: one data folder, one port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { neoCommand } from './neo.ts';
import { FOLDERS, type ServedStore } from './serve-store.ts';

/** By then it has to listen again, whatever killed it. */
const START_MS = 5_000;
const SLOW_START_MS = 2_000;

type Listening = Readonly<Record<string, string | number>>;

interface Process {
  readonly child: ChildProcess;
  /** Its first line; undefined when it ended before. */
  readonly listening: Promise<Listening | undefined>;
  readonly ended: Promise<number | null>;
}

export class Served {
  readonly counts = {
    kills: 0,
    'kills within a second of a start': 0,
    starts: 0,
    'starts over 2 s': 0,
    'folders left over': 0,
  };
  readonly faults: string[] = [];
  /** Of the log: folders of targets that the database no longer names. */
  readonly strays = new Set<string>();
  readonly dataRoot: string;
  readonly store: ServedStore;
  readonly #env: NodeJS.ProcessEnv;
  #port = 0;
  #fingerprint = '';
  #adminCode = '';
  #process: Process | undefined;

  constructor(dataRoot: string, env: NodeJS.ProcessEnv, store: ServedStore = FOLDERS) {
    this.dataRoot = dataRoot;
    this.store = store;
    this.#env = { ...env, ...store.env };
  }

  get port(): number {
    return this.#port;
  }

  /** `SHA256:…` */
  get fingerprint(): string {
    return this.#fingerprint;
  }

  get adminCode(): string {
    return this.#adminCode;
  }

  get url(): string {
    return `neo://127.0.0.1:${this.#port}`;
  }

  /** @throws when it does not listen within {@link START_MS} */
  async start(): Promise<void> {
    const begun = performance.now();
    const { child, listening } = this.#spawn();
    const late = setTimeout(() => child.kill('SIGKILL'), START_MS * 4);
    const facts = await listening;
    clearTimeout(late);
    const took = performance.now() - begun;
    if (facts === undefined)
      throw new Error(`neo serve does not start (${Math.round(took)} ms); ${this.faults.at(-1)}`);
    this.counts.starts += 1;
    if (took > SLOW_START_MS) this.counts['starts over 2 s'] += 1;
    if (took > START_MS) this.faults.push(`a start took ${Math.round(took)} ms`);
    this.#learn(facts);
  }

  #learn(facts: Listening): void {
    this.#port = Number(facts['port']);
    const fingerprint = String(facts['fingerprint']);
    if (this.#fingerprint !== '' && this.#fingerprint !== fingerprint) this.faults.push('it has another key now');
    this.#fingerprint = fingerprint;
    this.#adminCode = String(facts['adminCode'] ?? '');
  }

  /** -9 */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
    this.counts.kills += 1;
  }

  /** Starts, and is killed so many milliseconds later, wherever it is by then. */
  async startAndKill(after: number): Promise<void> {
    const { listening } = this.#spawn();
    await new Promise((resolve) => setTimeout(resolve, after));
    await this.kill();
    this.counts['kills within a second of a start'] += 1;
    const facts = await listening;
    if (facts === undefined) return;
    this.counts.starts += 1;
    this.#learn(facts);
  }

  /** In good order. */
  async stop(): Promise<void> {
    const code = await this.#end('SIGTERM');
    if (code !== 0) this.faults.push(`after SIGTERM it ended with ${code}`);
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const process = this.#process;
    if (process === undefined) return null;
    this.#process = undefined;
    process.child.kill(signal);
    return process.ended;
  }

  #spawn(): Process {
    const listen = `127.0.0.1:${this.#port}`;
    const args = ['serve', '--data-root', this.dataRoot, '--listen', listen, '--remove-after', '0', '--json'];
    args.push(...this.store.args);
    const [program = '', ...words] = neoCommand(...args);
    const child = spawn(program, words, { env: this.#env, stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    const lines = createInterface(child.stdout);
    const first = new Promise<string>((resolve) => lines.once('line', resolve));
    const listening = Promise.race([first, ended.then(() => undefined)]).then((line) =>
      line === undefined ? undefined : (JSON.parse(line) as Listening),
    );
    createInterface(child.stderr).on('line', (line) => this.#read(line));
    child.once('exit', (code, signal) => {
      // Neither killed nor asked.
      if (signal === null && this.#process?.child === child) this.faults.push(`neo serve has ended with ${code}`);
    });
    this.#process = { child, listening, ended };
    return this.#process;
  }

  #read(line: string): void {
    const entry = entryOf(line);
    // The last line of one that was killed may be half a line.
    if (entry === undefined) {
      if (!line.startsWith('{')) this.faults.push(`neo serve says: ${line.slice(0, 500)}`);
    } else if (entry['level'] === 'error') this.faults.push(`log: ${line.slice(0, 1500)}`);
    else if (entry['event'] === 'unknown-folder') {
      this.strays.add(String(entry['folder']));
      this.counts['folders left over'] = this.strays.size;
    }
  }
}

function entryOf(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
