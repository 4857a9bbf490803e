/** What is taken from the answers of a store, none of which is believed to be complete. */
import type { IncomingHttpHeaders } from 'node:http';
import { NeoError } from '../../core/errors.ts';
import type { ObjectInfo } from '../backend.ts';
import { type Element, readXml, textOf } from './xml.ts';

/** Nothing of a repository is nearly as long. */
const LONGEST = 2 ** 31;

/** Of a body, bytes. @throws NeoError failed */
export function lengthOf(path: string, headers: IncomingHttpHeaders): number {
  const length = sizeOf(headers['content-length']);
  if (length === undefined || length > LONGEST) {
    throw new NeoError('failed', `cannot read ${path}: the storage says that it is ${length ?? '?'} bytes long`);
  }
  return length;
}

/** RFC 9110, section 14.4. Without it the server sends something else than the range that was asked for. */
export function beginsAt(headers: IncomingHttpHeaders, offset: number): boolean {
  return headers['content-range']?.startsWith(`bytes ${offset}-`) === true;
}

/** Times in whole seconds: HEAD knows no others. @throws NeoError failed */
export function infoOf(path: string, length: string | undefined, date: string | undefined): ObjectInfo {
  const size = sizeOf(length);
  const modified = Date.parse(date ?? '');
  if (size === undefined || Number.isNaN(modified)) {
    throw new NeoError('failed', `the storage does not say how long ${path} is, or of when`);
  }
  return { path, size, modified: Math.floor(modified / 1000) * 1000 };
}

function sizeOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** One page of a list. "ListObjectsV2", Amazon S3 API Reference. */
export interface Page {
  readonly objects: readonly Listed[];
  /** What begins alike up to a `/`, where that was asked for. */
  readonly prefixes: readonly string[];
  /** Where the next page begins; undefined: this is the last. */
  readonly next: string | undefined;
}

/** As it is written there. */
interface Listed {
  readonly key: string;
  readonly size: string | undefined;
  readonly modified: string | undefined;
}

/** Undefined: it is no page of a list. */
export function readPage(bytes: Uint8Array): Page | undefined {
  const root = readXml(bytes);
  if (root?.name !== 'ListBucketResult') return undefined;
  const more = textOf(root, 'IsTruncated');
  if (more === undefined) return undefined;
  return {
    objects: root.children.filter(({ name }) => name === 'Contents').map(listed),
    prefixes: root.children.filter(({ name }) => name === 'CommonPrefixes').map((one) => textOf(one, 'Prefix') ?? ''),
    next: more === 'true' ? textOf(root, 'NextContinuationToken') : undefined,
  };
}

function listed(element: Element): Listed {
  return {
    key: textOf(element, 'Key') ?? '',
    size: textOf(element, 'Size'),
    modified: textOf(element, 'LastModified'),
  };
}
