/** From a body to the object of a snapshot: the newest of its client's chain. */
import type { SessionId } from '../core/ids.ts';
import type { Repository } from '../repo/repository.ts';
import { chainHeads, type ListedHead } from '../snapshot/listing.ts';
import { encodeSnapshot, type SnapshotBody } from '../snapshot/snapshot.ts';
import type { Validation } from './commit.ts';

/** docs/format.md, section 7: `sequence` as it can be read again, and `u8 n` previous snapshots. */
const LAST_SEQUENCE = Number.MAX_SAFE_INTEGER;
const MOST_PREVIOUS = 255;

/** `heads`: all that are there. */
export function sealBody(
  repository: Repository,
  session: SessionId,
  heads: readonly ListedHead[],
  { time: validated, generation }: Validation,
  body: SnapshotBody,
): Uint8Array {
  const own = heads.filter(({ head }) => head.client === repository.client);
  const { epoch, sealPublic } = repository.config;
  const head = {
    session,
    // With a stolen key both can be driven to their ends; a snapshot must still be one that is listed.
    sequence: Math.min(own.reduce((highest, { head }) => Math.max(highest, head.sequence), 0) + 1, LAST_SEQUENCE),
    previous: chainHeads(heads, repository.client)
      .map(({ name }) => name)
      .slice(-MOST_PREVIOUS),
    validated,
    generation,
  };
  return encodeSnapshot(repository, repository.signer, { epoch, sealPublic }, head, body);
}
