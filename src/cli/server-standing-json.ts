/** How a server stands, for programs: only what has changed (docs/json.md, `neo monitor`). */
import type { Output } from './output.ts';
import { replicaListed } from './replica-lines.ts';
import type { LedgerStanding, Standing } from './server-standing.ts';

export class StandingPrinter {
  readonly #out: Pick<Output, 'object'>;
  /** Where the ledger stood when it was first asked for. */
  #began: LedgerStanding | undefined;
  /** What was printed last, by what it is of: `ledger`, or `replica NAME`. */
  readonly #printed = new Map<string, string>();

  constructor(out: Pick<Output, 'object'>) {
    this.#out = out;
  }

  async print(standing: Standing): Promise<void> {
    if (standing.type === 'ledger') return this.#ledger(standing.ledger);
    const names = new Set(standing.replicas.map(({ name }) => `replica ${name}`));
    for (const replica of standing.replicas) {
      const body = replicaListed(replica, standing.time).json;
      if (this.#isNews(`replica ${replica.name}`, body)) await this.#out.object('replica', body);
    }
    for (const what of this.#printed.keys()) {
      if (what === 'ledger' || names.has(what)) continue;
      this.#printed.delete(what);
      await this.#out.object('replica', { name: what.slice('replica '.length), state: 'removed' });
    }
  }

  async #ledger(ledger: LedgerStanding): Promise<void> {
    const { key, entries, witnessed, time } = ledger;
    const before = this.#began;
    // One that was brought back from a backup, or is another one, begins anew.
    const began = before === undefined || before.key !== key || before.entries > entries ? ledger : before;
    this.#began = began;
    const body = { key, entries, added: entries - began.entries, witnessed };
    if (this.#isNews('ledger', body)) await this.#out.object('ledger', { time: new Date(time).toISOString(), ...body });
  }

  #isNews(what: string, body: object): boolean {
    const text = JSON.stringify(body);
    if (this.#printed.get(what) === text) return false;
    this.#printed.set(what, text);
    return true;
  }
}
