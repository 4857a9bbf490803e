/** A key slot with all of its renewals. */
import type { ClientId } from '../../core/ids.ts';
import { type Repository, slotPath } from '../../repo/repository.ts';

/** Renewals first: a crash between leaves a slot that opens, not half of one. */
export async function removeSlot(repository: Repository, id: ClientId): Promise<void> {
  const paths: string[] = [];
  for await (const { path } of repository.backend.list(`keys/${id}`)) paths.push(path);
  const first = slotPath(id);
  for (const path of paths) if (path !== first) await repository.backend.remove(path);
  await repository.backend.remove(first);
}
