/** Blobs of trees and lists in memory, and nodes to put into them. */
import { toHex, utf8 } from '../../src/core/bytes.ts';
import { NeoError } from '../../src/core/errors.ts';
import { type ContentKey, contentKey } from '../../src/core/ids.ts';
import { canonicalJson, type Json } from '../../src/core/json.ts';
import { JsonWriter } from '../../src/core/json-writer.ts';
import type { Node } from '../../src/snapshot/node.ts';
import { writeNode } from '../../src/snapshot/node-text.ts';
import type { LoadBlob, SaveBlob } from '../../src/snapshot/tree.ts';
import { testEngine } from '../support/temp-repository.ts';

export const hash = (bytes: Uint8Array): Uint8Array => testEngine.blake3(bytes);

export class Blobs {
  readonly all = new Map<string, Uint8Array>();
  /** In order, with repetitions. */
  readonly saved: { readonly kind: string; readonly key: ContentKey; readonly json: Uint8Array }[] = [];

  readonly save: SaveBlob = (kind, json) => {
    const key = contentKey(hash(json));
    this.all.set(toHex(key), json);
    this.saved.push({ kind, key, json });
    return key;
  };

  readonly load: LoadBlob = async (kind, key) => {
    const json = this.all.get(toHex(key));
    if (json === undefined) throw new NeoError('integrity', `no ${kind} blob`);
    return json;
  };

  /** Whatever is given, without asking whether it is a part. */
  part(value: Json): ContentKey {
    return this.save('tree', canonicalJson(value));
  }
}

/** Its JSON. */
export function nodeText(node: Node): string {
  const out = new JsonWriter(16);
  writeNode(out, node);
  return Buffer.from(out.view()).toString();
}

export function nodeOf(name: string | Uint8Array, more: Partial<Node> = {}): Node {
  return {
    name: typeof name === 'string' ? utf8(name) : name,
    type: 'file',
    mode: 0o644,
    uid: 1000,
    gid: 1000,
    mtime: 1_700_000_000_123_456_789n,
    ctime: 1_700_000_000_123_456_789n,
    inode: 42n,
    device: 0,
    links: 1,
    size: 0,
    ...more,
  };
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
