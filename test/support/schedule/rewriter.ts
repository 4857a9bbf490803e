/** Somebody who makes snapshots anew: with other words, without a file, or under the content secrets in force. */
import { ignoreEvents } from '../../../src/core/events.ts';
import type { ClientState } from '../../../src/repo/client-state.ts';
import { loadIndex } from '../../../src/repo/indexed.ts';
import type { Repository } from '../../../src/repo/repository.ts';
import { rekeySnapshots } from '../../../src/tasks/rekey.ts';
import { type RewriteSummary, rewriteSnapshots } from '../../../src/tasks/rewrite.ts';
import { lookAtSnapshots } from '../../../src/tasks/snapshots.ts';
import type { SimRandom } from '../sim-random.ts';

/** @returns what became of them */
export async function rewriteSome(opened: Repository, state: ClientState, random: SimRandom): Promise<RewriteSummary> {
  const repository = await loadIndex(opened, 64);
  const look = await lookAtSnapshots(repository, state, ignoreEvents);
  const snapshots = look.snapshots.filter(() => random.below(3) > 0);
  const options = {
    look,
    snapshots,
    keepOriginals: random.below(4) === 0,
    trash: random.below(3) === 0 ? 900_000 : 0,
    dryRun: false,
    workers: 0,
  };
  const way = random.below(3);
  if (way === 0) return rekeySnapshots(repository, state, options, ignoreEvents);
  const changes = way === 1 ? { tags: () => ['rewritten'] } : { exclude: ['f3'] };
  return rewriteSnapshots(repository, state, { ...options, changes }, ignoreEvents);
}
