/** The configurations that lie in storage: nobody has verified them. */
import pLimit from 'p-limit';
import type { Backend } from '../backends/backend.ts';
import { type ObjectName, objectName } from '../core/ids.ts';
import { type ConfigObject, followChain } from './config.ts';
import { LARGEST } from './largest.ts';
import { READ_AT_ONCE } from './read-ahead.ts';
import type { Repository } from './repository.ts';

export async function readConfigs(backend: Backend): Promise<ConfigObject[]> {
  const limit = pLimit(READ_AT_ONCE);
  const reading: Promise<ConfigObject | undefined>[] = [];
  for await (const info of backend.list('config')) {
    const match = /^config\/(0|[1-9]\d{0,8})-([0-9a-f]{64})$/.exec(info.path);
    if (match?.[1] === undefined || match[2] === undefined || info.size > LARGEST.config) continue;
    const about = { epoch: Number(match[1]), name: objectName(match[2]) };
    const read = limit(async () => {
      const bytes = await backend.get(info.path);
      return bytes === undefined ? undefined : { ...about, bytes };
    });
    // Whoever waits for all of them is told of the first that fails.
    read.catch(() => undefined);
    reading.push(read);
  }
  return (await Promise.all(reading)).filter((config) => config !== undefined);
}

export function configPath(epoch: number, name: ObjectName): string {
  return `config/${epoch}-${name}`;
}

/**
 * True if another valid configuration of the same epoch was there before this one, which was just stored: nobody can have
 * gone by this one alone, so it may go. Where storage's clock cannot tell, both stay, and nobody writes.
 */
export async function cameSecond(
  { engine, backend, slot }: Repository,
  { epoch, name }: { readonly epoch: number; readonly name: ObjectName },
): Promise<boolean> {
  await backend.settle?.();
  const { conflict } = followChain(engine, await readConfigs(backend), slot.config0, name);
  const rivals = conflict?.epoch === epoch ? conflict.names.filter((other) => other !== name) : [];
  const own = await backend.stat(configPath(epoch, name));
  for (const rival of rivals) {
    const there = await backend.stat(configPath(epoch, rival));
    if (own !== undefined && there !== undefined && there.modified < own.modified) return true;
  }
  return false;
}
