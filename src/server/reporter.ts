/** The metrics, for whoever may read them. */
import type { Clock } from '../core/clock.ts';
import { NeoError } from '../core/errors.ts';
import { equalSecret, hashToken } from '../engine/verifier.ts';
import type { Directory } from './directory.ts';
import type { Ledger } from './ledger/ledger.ts';
import type { Metrics, SnapshotAge } from './metrics.ts';
import type { Caller } from './principal.ts';
import type { Replication } from './replication/replication.ts';
import { isOfAdministrator, requireSecondFactor } from './rights.ts';
import type { Settings } from './settings.ts';
import type { TargetStore } from './targets.ts';

export interface ReporterOptions {
  readonly metrics: Metrics;
  readonly directory: Directory;
  readonly targets: TargetStore;
  readonly clock: Clock;
  readonly version: string;
  readonly replication: Pick<Replication, 'list'>;
  readonly ledger: Pick<Ledger, 'size'>;
  readonly settings: Settings;
  /** SHA-256 of what lets a monitor in that has no account. */
  readonly token: Uint8Array | undefined;
}

/** To list the snapshots of all targets takes a while. */
const AGES_KEPT_MS = 60_000;

export class Reporter {
  readonly #options: ReporterOptions;
  #ages: { readonly until: number; readonly found: Promise<readonly SnapshotAge[]> } | undefined;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  /** @throws NeoError permission-denied */
  async report(caller: Caller): Promise<string> {
    const { metrics, targets, settings, version, replication, ledger } = this.#options;
    await this.#requireRight(caller);
    const snapshots = settings.snapshotAge ? await this.#snapshotAges() : undefined;
    const replicas = await replication.list();
    const entries = await ledger.size();
    return metrics.text({ accounts: await targets.sizes(), snapshots, replicas, entries, version });
  }

  async #requireRight(caller: Caller): Promise<void> {
    const { token, directory, settings } = this.#options;
    if (token !== undefined && caller.token !== undefined && equalSecret(hashToken(caller.token), token)) return;
    const principal = await directory.principalOf(caller);
    if (settings.secondFactor === 'required') requireSecondFactor(principal, 'metrics');
    if (principal !== undefined && isOfAdministrator(principal)) return;
    throw new NeoError('permission-denied', 'metrics are for administrators of the server', {
      hint: 'a monitor without an account gets in by the token of token-file: docs/server.md',
    });
  }

  #snapshotAges(): Promise<readonly SnapshotAge[]> {
    const { targets, clock } = this.#options;
    const now = clock.monotonic();
    if (this.#ages !== undefined && this.#ages.until > now) return this.#ages.found;
    const found = targets.newestIn('snapshots');
    this.#ages = { until: now + AGES_KEPT_MS, found };
    found.catch(() => {
      this.#ages = undefined;
    });
    return found;
  }
}
