/** How much there will be to do: as much as last time, until the sources have been counted. */
import { type WalkEvent, walk } from '../../fs/walk.ts';
import type { Before } from './before.ts';
import type { BackupOptions } from './options.ts';
import type { Source } from './sources.ts';

export interface Total {
  readonly files: number;
  readonly bytes: number;
}

export function totalOf({ statistics }: Before): Total | undefined {
  if (statistics === undefined) return undefined;
  const { filesNew, filesChanged, filesUnmodified, bytesProcessed } = statistics;
  return { files: filesNew + filesChanged + filesUnmodified, bytes: bytesProcessed };
}

/** Small enough that the real work is never held up for long. */
const SLICE = 500;

/** Undefined when it was stopped. */
export async function estimate(
  sources: readonly Source[],
  options: Pick<BackupOptions, 'filter' | 'oneFileSystem'>,
  stop: AbortSignal,
): Promise<Total | undefined> {
  let files = 0;
  let bytes = 0;
  let steps = 0;
  for (const event of events(sources, options)) {
    if (event.kind === 'entry' && event.stat.type === 'file') {
      files += 1;
      bytes += event.stat.size;
    }
    steps += 1;
    if (steps % SLICE === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    if (stop.aborted) return undefined;
  }
  return { files, bytes };
}

function* events(
  sources: readonly Source[],
  { filter, oneFileSystem }: Pick<BackupOptions, 'filter' | 'oneFileSystem'>,
): Generator<WalkEvent> {
  for (const source of sources) {
    const rules = filter(source);
    yield* walk(source.path, { oneFileSystem, ...(rules === undefined ? {} : { filter: rules }) });
  }
}
