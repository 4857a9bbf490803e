/** Snapshots as people name them. */
import { NeoError } from '../core/errors.ts';
import type { Snapshot } from './listing.ts';

/** `SNAPSHOT:PATH`; the first colon divides. */
export function splitReference(text: string): { readonly reference: string; readonly path?: string } {
  const colon = text.indexOf(':');
  if (colon === -1) return { reference: text };
  return { reference: text.slice(0, colon) || 'latest', path: text.slice(colon + 1) };
}

/**
 * The snapshot meant by `latest`, `latest~N` or the start of an id.
 * @param snapshots oldest first
 * @throws NeoError failed when there is none; usage when the start of an id fits several
 */
export function findSnapshot(snapshots: readonly Snapshot[], reference: string): Snapshot {
  const back = /^latest(?:~(\d+))?$/.exec(reference);
  const found =
    back === null
      ? snapshots.filter(({ name }) => reference !== '' && name.startsWith(reference.toLowerCase()))
      : snapshots.slice(snapshots.length - 1 - Number(back[1] ?? 0)).slice(0, 1);
  const [only, second] = found;
  if (only === undefined) throw new NeoError('failed', `no snapshot ${reference}`, { hint: 'see: neo snapshots' });
  if (second !== undefined) throw new NeoError('usage', `${reference} is the start of ${found.length} snapshot ids`);
  return only;
}
