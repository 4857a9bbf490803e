import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlClient } from '../backends/neo-control.ts';
import { showNeoHost } from '../backends/neo-location.ts';
import { Output } from '../cli/output.ts';
import { isScreen } from '../cli/screen.ts';
import { ServerCommand } from '../cli/server-command.ts';
import { countsIn, type Followed, watchServer } from '../cli/server-events.ts';
import { printEvent } from '../cli/server-events-json.ts';
import { type Standing, withLags } from '../cli/server-standing.ts';
import { StandingPrinter } from '../cli/server-standing-json.ts';
import type { MonitorNews } from '../ui/monitor.tsx';

const COUNTS_MS = 5_000;

export default class Monitor extends ServerCommand {
  static override summary = 'Watch what happens at a server';
  static override description =
    'For administrators: its log, and what is put and removed, as it happens; how its ledger grows, and how far its replicas ' +
    'are, every two seconds. Tab goes to the other pane, arrows scroll back, p pauses, ? shows all keys, q leaves. Where the server goes away, it waits for it. Nothing is changed there. ' +
    'Without a terminal, or with --json, it prints a JSON object a line until Ctrl-C (docs/json.md).';
  static override examples = [
    '<%= config.bin %> monitor',
    '<%= config.bin %> monitor --server neo://backup.example.org',
    '<%= config.bin %> monitor --json | grep \'"type":"object"\'',
  ];
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(Monitor);
    const { promise: left, resolve: leave } = Promise.withResolvers<void>();
    const isDrawn = !this.out.json && isScreen();
    const asking = this.ask(flags, async (client, host) => {
      await (isDrawn ? this.#draw(client, showNeoHost(host)) : this.#print(client, flags.quiet));
      leave();
    });
    // Whoever leaves does not wait for a server that does not answer.
    await Promise.race([asking, left]);
    this.exit(0);
  }

  async #draw(client: ControlClient, title: string): Promise<void> {
    // React is loaded by those alone who have a screen.
    const { showMonitor } = await import('../ui/monitor.tsx');
    await showMonitor({
      title,
      async follow(tell, signal) {
        void tellCounts(client, tell, signal);
        const show = (news: Followed | Standing): void =>
          tell(news.type === 'replicas' ? { ...news, replicas: withLags(news.replicas, news.time) } : news);
        await watchServer(client, show, signal);
      },
    });
  }

  async #print(client: ControlClient, quiet: boolean): Promise<void> {
    const { signal } = this;
    const out = new Output({ json: true, quiet });
    const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    const totals = { events: 0, objects: 0, bytes: 0 };
    const standing = new StandingPrinter(out);
    const print = (news: Followed | Standing): Promise<void> =>
      news.type === 'ledger' || news.type === 'replicas' ? standing.print(news) : printEvent(news, out, totals);
    await Promise.race([watchServer(client, print, signal), stopped]);
    await out.object('summary', totals);
    await out.flush();
  }
}

/** Where the server tells them elsewhere, they are left out. */
async function tellCounts(client: ControlClient, tell: (news: MonitorNews) => void, signal: AbortSignal) {
  while (!signal.aborted) {
    const text = await client.metrics().catch(() => undefined);
    if (text !== undefined && !signal.aborted) tell({ type: 'counts', counts: countsIn(text) });
    await sleep(COUNTS_MS, undefined, { signal }).catch(() => undefined);
  }
}
