/** Differences as a person and as a program sees them. */
import { displayBytes, toByteString } from '../core/bytes.ts';
import { formatBytes, formatCounted } from '../core/format.ts';
import type { JsonBody } from './output.ts';

interface ShownItem {
  readonly node:
    | {
        readonly type: string;
        readonly size: number;
        readonly mode: number;
        readonly uid: number;
        readonly gid: number;
      }
    | undefined;
}

/** The part of tasks/diff.ts that is shown. */
export interface ShownDifference {
  readonly path: Uint8Array;
  readonly change: 'added' | 'removed' | 'type' | 'content' | 'metadata';
  readonly before: ShownItem | undefined;
  readonly after: ShownItem | undefined;
  readonly metadata: readonly string[];
}

const SIGNS = { added: '+', removed: '-', type: 'T', content: 'M', metadata: 'U' } as const;

export function differenceLine({ path, change, before, after, metadata }: ShownDifference): string {
  const type = (after ?? before)?.node?.type;
  const also = metadata.length === 0 ? '' : ` (${metadata.join(', ')})`;
  return `${SIGNS[change]} ${displayBytes(path)}${type === 'directory' ? '/' : ''}${also}`;
}

export function differenceJson({ path, change, before, after, metadata }: ShownDifference): JsonBody {
  const side = (item: ShownItem | undefined): JsonBody | undefined => {
    if (item?.node === undefined) return undefined;
    const { type, size, mode, uid, gid } = item.node;
    return { kind: type, size: type === 'file' ? size : undefined, mode, uid, gid };
  };
  return {
    path: toByteString(path),
    change,
    before: side(before),
    after: side(after),
    ...(metadata.length === 0 ? {} : { metadata: [...metadata] }),
  };
}

/** How many of each, and bytes of files that came and went. */
export class DiffCounts {
  readonly counts = { added: 0, removed: 0, type: 0, content: 0, metadata: 0 };
  bytesAdded = 0;
  bytesRemoved = 0;

  add({ change, before, after }: ShownDifference): void {
    this.counts[change] += 1;
    if (change === 'metadata') return;
    if (after?.node?.type === 'file') this.bytesAdded += after.node.size;
    if (before?.node?.type === 'file') this.bytesRemoved += before.node.size;
  }

  get json(): JsonBody {
    const { added, removed, type, content, metadata } = this.counts;
    const { bytesAdded, bytesRemoved } = this;
    return { added, removed, changed: content, typeChanged: type, metadataChanged: metadata, bytesAdded, bytesRemoved };
  }

  get text(): string {
    const { added, removed, type, content, metadata } = this.counts;
    const parts = [`${added} added`, `${removed} removed`, `${content + type} changed`];
    if (metadata > 0) parts.push(`${metadata} in metadata alone`);
    const all = added + removed + type + content + metadata;
    const bytes = `${formatBytes(this.bytesAdded)} came, ${formatBytes(this.bytesRemoved)} went`;
    return all === 0 ? 'no difference' : `${formatCounted(all, 'difference')}: ${parts.join(', ')}; ${bytes}`;
  }
}
