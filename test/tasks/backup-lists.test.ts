import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { type ContentKey, contentKey } from '../../src/core/ids.ts';
import { ChunkListBuilder } from '../../src/snapshot/content.ts';
import type { Node } from '../../src/snapshot/node.ts';
import { blobsOf } from '../../src/tasks/backup/parent.ts';

const hash = (bytes: Uint8Array | string): ContentKey => contentKey(createHash('sha256').update(bytes).digest());

it('an unchanged file relies on every part of its chunk list, not on its root alone', async () => {
  const parts = new Map<string, Uint8Array>();
  const builder = new ChunkListBuilder((_kind, json) => {
    const key = hash(json);
    parts.set(toHex(key), json);
    return key;
  });
  const chunks = Array.from({ length: 5000 }, (_, i) => ({ key: hash(`chunk ${i}`), length: 1 + (i % 7) }));
  for (const chunk of chunks) builder.add(chunk);
  const content = builder.finish();
  expect(parts.size).toBeGreaterThan(2);
  const node: Node = {
    name: Buffer.from('big'),
    type: 'file',
    mode: 0o600,
    uid: 0,
    gid: 0,
    mtime: 0n,
    ctime: 0n,
    inode: 1n,
    device: 0,
    links: 1,
    size: chunks.reduce((sum, { length }) => sum + length, 0),
    content,
  };
  const load = async (_kind: string, key: ContentKey): Promise<Uint8Array> => parts.get(toHex(key)) ?? new Uint8Array();
  const needed = new Set<string>();
  for await (const key of blobsOf(load, node)) needed.add(toHex(key));
  expect(needed).toEqual(new Set([...chunks.map(({ key }) => toHex(key)), ...parts.keys()]));
});
