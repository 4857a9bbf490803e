/** Snapshots, directories and files as pages of the browser. */
import { displayBytes, displayText } from '../core/bytes.ts';
import { messageOf } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import { formatBytes, formatCounted, formatTime } from '../core/format.ts';
import type { Node } from '../snapshot/node.ts';
import type { Stretch } from '../tasks/contents.ts';
import type { Listed, ListedNode } from '../tasks/list.ts';
import type { Column, Content, Page, Row } from './browser/state.ts';

/** Where the pages' contents come from. */
export interface Library {
  /** Of the snapshot's own order: directories as listNodes gives them. */
  entries(snapshot: Listed, path: Uint8Array, events: EventSink): AsyncIterable<ListedNode>;
  content(snapshot: Listed, path: Uint8Array): AsyncIterable<Stretch>;
}

const SHORT_ID = 8;
const ROOT = Buffer.from('/');
/** Of a file, read for its page. */
const PREVIEW_BYTES = 256 << 10;
const LONGEST_LINE = 1000;

const SNAPSHOT_COLUMNS: readonly Column[] = [
  { title: 'TIME' },
  { title: 'SNAPSHOT' },
  { title: 'HOST' },
  { title: 'SIZE', isNumber: true },
  { title: 'ADDED', isNumber: true },
  { title: 'PATHS', isWide: true },
];

const ENTRY_COLUMNS: readonly Column[] = [
  { title: 'NAME', isWide: true },
  { title: 'SIZE', isNumber: true },
  { title: 'MODIFIED' },
];

/** @param snapshots newest first */
export function snapshotsPage(library: Library, title: string, snapshots: readonly Listed[]): Page {
  const row = (snapshot: Listed): Row => {
    const { time, host, paths, tags, kind, statistics } = snapshot.body;
    const words = [...paths.map(displayBytes), ...tags.map((tag) => `#${tag}`), ...(kind === 'snapshot' ? [] : [kind])];
    return {
      cells: [
        formatTime(new Date(time)),
        snapshot.name.slice(0, SHORT_ID),
        displayText(host),
        formatBytes(statistics.bytesProcessed),
        formatBytes(statistics.bytesAdded),
        displayText(words.join(' ')),
      ],
      open: () => snapshotPage(library, snapshot),
    };
  };
  return {
    title,
    load: async () => ({ type: 'list', columns: SNAPSHOT_COLUMNS, rows: snapshots.map(row) }),
  };
}

/** Where somebody begins who opens a snapshot: in what it was asked to take, if that is one directory. */
export function snapshotPage(library: Library, snapshot: Listed): Page {
  const { paths, time } = snapshot.body;
  const [first = ROOT, ...others] = paths;
  const title = `${snapshot.name.slice(0, SHORT_ID)} ${formatTime(new Date(time))}`;
  return pathPage(library, snapshot, others.length === 0 ? first : ROOT, title);
}

/** @param title before the path */
export function pathPage(library: Library, snapshot: Listed, path: Uint8Array, title: string): Page {
  return directoryPage(library, snapshot, path, `${title} ${displayBytes(path)}`);
}

function directoryPage(library: Library, snapshot: Listed, path: Uint8Array, title: string): Page {
  const row = ({ path: at, node }: ListedNode): Row => {
    const name = displayBytes(node.name);
    const target = node.target === undefined ? '' : ` → ${displayBytes(node.target)}`;
    const open = opening(library, snapshot, at, node);
    return {
      cells: [
        node.type === 'directory' ? `${name}/` : name + target,
        node.type === 'file' ? formatBytes(node.size) : '',
        timeOf(node.mtime),
      ],
      isDim: open === undefined,
      ...(open === undefined ? {} : { open }),
    };
  };
  const load = async (signal: AbortSignal): Promise<Content> => {
    const rows: Row[] = [];
    const notes: string[] = [];
    const events: EventSink = (event) => {
      if (event.type === 'warning') notes.push(event.message);
    };
    try {
      for await (const listed of library.entries(snapshot, path, events)) {
        signal.throwIfAborted();
        rows.push(row(listed));
      }
    } catch (error) {
      // What could be read is shown.
      if (rows.length === 0) throw error;
      notes.push(messageOf(error));
    }
    return {
      type: 'list',
      columns: ENTRY_COLUMNS,
      rows,
      ...(notes.length === 0 ? {} : { note: displayText(notes.join('; ')) }),
    };
  };
  return { title, load };
}

function opening(library: Library, snapshot: Listed, path: Uint8Array, node: Node): (() => Page) | undefined {
  const name = displayBytes(node.name);
  if (node.type === 'directory') return () => directoryPage(library, snapshot, path, name);
  if (node.type === 'file') return () => filePage(library, snapshot, path, node);
  return undefined;
}

function filePage(library: Library, snapshot: Listed, path: Uint8Array, node: Node): Page {
  const load = async (signal: AbortSignal): Promise<Content> => {
    const bytes = await firstBytes(library.content(snapshot, path), signal);
    const { user = node.uid, group = node.group ?? node.gid } = node;
    const note = [
      formatBytes(node.size),
      `mode ${node.mode.toString(8).padStart(4, '0')}`,
      displayText(`${user}:${group}`),
      timeOf(node.mtime),
      ...(node.links > 1 ? [formatCounted(node.links, 'name')] : []),
      ...(bytes.length < node.size ? [`the first ${formatBytes(bytes.length)} are shown`] : []),
    ].join(' · ');
    return { type: 'text', lines: linesOf(bytes), note };
  };
  return { title: displayBytes(node.name), load };
}

function timeOf(nanoseconds: bigint): string {
  return formatTime(new Date(Number(nanoseconds / 1_000_000n)));
}

async function firstBytes(content: AsyncIterable<Stretch>, signal: AbortSignal): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const stretch of content) {
    signal.throwIfAborted();
    const left = PREVIEW_BYTES - length;
    const bytes =
      stretch.type === 'data' ? stretch.bytes.slice(0, left) : new Uint8Array(Math.min(left, stretch.length));
    parts.push(bytes);
    length += bytes.length;
    if (length >= PREVIEW_BYTES) break;
  }
  return Buffer.concat(parts);
}

/** Text by lines; anything else as `hexdump -C` shows it. */
function linesOf(bytes: Buffer): string[] {
  if (bytes.length === 0) return ['(empty)'];
  if (bytes.includes(0)) return hexLines(bytes);
  // Of the last character a part may be missing.
  const text = new TextDecoder('utf-8').decode(bytes, { stream: true });
  const lines = text
    .split('\n')
    .map((line) => displayText(line.slice(0, LONGEST_LINE).replaceAll('\t', '    ').replace(/\r$/, '')));
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

function hexLines(bytes: Buffer): string[] {
  return Array.from({ length: Math.ceil(bytes.length / 16) }, (_, n) => {
    const part = bytes.subarray(n * 16, n * 16 + 16);
    const hex = part.toString('hex').replaceAll(/../g, '$& ');
    const letters = part.toString('latin1').replaceAll(/[^ -~]/g, '.');
    return `${(n * 16).toString(16).padStart(8, '0')}  ${hex.padEnd(48)} ${letters}`;
  });
}
