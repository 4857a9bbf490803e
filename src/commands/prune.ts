import { availableParallelism, hostname, userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { NeoCommand } from '../cli/base-command.ts';
import { confirmed } from '../cli/confirm.ts';
import type { RepositoryFlags } from '../cli/flags.ts';
import { graceFloor } from '../cli/grace-floor.ts';
import { openFromFlags } from '../cli/open.ts';
import { type PruneFlags, pruneFlags, pruneOptions } from '../cli/prune-flags.ts';
import { pruneJson, pruneText } from '../cli/prune-report.ts';
import { throwIfAborted } from '../core/concurrency.ts';
import { formatBytes, formatCounted } from '../core/format.ts';
import { followAlong } from '../tasks/follow-shares.ts';
import { prune } from '../tasks/prune.ts';
import { endShares } from '../tasks/shares.ts';

export default class Prune extends NeoCommand {
  static override summary = 'Free what no snapshot needs, while others go on writing';
  static override description =
    'Packs that nothing needs are marked, and deleted by a later run when the grace has passed and nothing turned out to ' +
    'need them after all. Packs that are needed in part are copied first, where that is worth it. Nobody waits: ' +
    'snapshots, restores and other prunes may run beside it, from anywhere. What was forgotten counts until its trash ' +
    'has ended.';
  static override examples = [
    '<%= config.bin %> prune --dry-run',
    '<%= config.bin %> prune',
    '<%= config.bin %> prune --grace 30m --wait',
    '<%= config.bin %> prune --max-unused 10% --max-repack-size 20G',
    '<%= config.bin %> prune --sole-writer --grace 0',
  ];
  static override flags = pruneFlags;

  async run(): Promise<void> {
    const { flags } = await this.parse(Prune);
    await this.prune(flags);
  }

  /** @param compression zstd level at which packs are written anew */
  protected async prune(flags: Flags, compression?: number): Promise<void> {
    const options = pruneOptions(flags);
    const { repository, state } = await openFromFlags(flags, this.out);
    const { signal } = this;
    const pause = async (milliseconds: number): Promise<void> => {
      await sleep(milliseconds, undefined, { signal }).catch(() => throwIfAborted(signal));
    };
    const confirm = ({ packs, bytes }: { readonly packs: number; readonly bytes: number }): Promise<boolean> => {
      this.endProgress();
      const what = `${formatCounted(packs, 'pack')}, ${formatBytes(bytes)}`;
      return confirmed(`That is more than half of what is stored: ${what}. Mark them?`, signal);
    };
    const floor = graceFloor(this.out);
    const all = {
      ...options,
      ...(compression === undefined ? {} : { compression }),
      ...(flags.yes ? {} : { confirm }),
      ...floor,
      workers: availableParallelism(),
      pause,
    };
    if (!all.dryRun) {
      await endShares(repository, state);
      const maker = { host: hostname(), user: userInfo().username, program: this.config.userAgent, dryRun: false };
      await followAlong(repository, state, { ...maker, ...floor }, this.events, signal);
    }
    const summary = await prune(repository, state, all, this.events, signal);
    this.endProgress();
    await this.out.record('summary', pruneJson(summary, all.dryRun), pruneText(summary, all.dryRun));
  }
}

type Flags = RepositoryFlags & PruneFlags & { readonly yes: boolean };
