/** Where the objects of a server that is killed lie: in its data folder, or in a bucket. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openBucket } from '../../src/backends/s3.ts';
import { parseS3 } from '../../src/backends/s3-location.ts';
import type { Radosgw } from '../support/radosgw.ts';

export interface TargetSize {
  readonly name: string;
  readonly bytes: number;
  readonly objects: number;
}

export interface ServedStore {
  /** More of `neo serve`. */
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Of the objects of each target, as they lie there. */
  sizes(dataRoot: string): Promise<TargetSize[]>;
}

export const FOLDERS: ServedStore = {
  args: [],
  env: {},
  async sizes(dataRoot) {
    const folder = join(dataRoot, 'targets');
    return readdirSync(folder).map((name) => ({ name, ...sizeOf(join(folder, name)) }));
  },
};

/** A bucket that has nothing yet, whose credentials this process has. */
export async function bucketStore({ endpoint, env }: Radosgw, bucket: string): Promise<ServedStore> {
  const location = `s3://${bucket}/killed?endpoint=${endpoint}`;
  const place = parseS3(location);
  await (await openBucket(place, { create: true, createBucket: true })).close();
  return {
    args: ['--store', location],
    env,
    async sizes() {
      const backend = await openBucket(place);
      const found = new Map<string, { name: string; bytes: number; objects: number }>();
      for await (const { path, size } of backend.list('targets')) {
        const name = path.split('/')[1] ?? '';
        const { bytes, objects } = found.get(name) ?? { bytes: 0, objects: 0 };
        found.set(name, { name, bytes: bytes + size, objects: objects + 1 });
      }
      await backend.close();
      return [...found.values()];
    },
  };
}

function sizeOf(folder: string): { bytes: number; objects: number } {
  let bytes = 0;
  let objects = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || path.startsWith(join(folder, 'tmp/'))) continue;
    bytes += statSync(path).size;
    objects += 1;
  }
  return { bytes, objects };
}
