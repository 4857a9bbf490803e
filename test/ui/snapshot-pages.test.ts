import { describe, expect, it } from 'vitest';
import { NeoError } from '../../src/core/errors.ts';
import type { Node } from '../../src/snapshot/node.ts';
import type { Stretch } from '../../src/tasks/contents.ts';
import { pathInShare, sharedSnapshot } from '../../src/tasks/shared.ts';
import type { Content, Page } from '../../src/ui/browser/state.ts';
import { type Library, pathPage } from '../../src/ui/snapshot-pages.ts';

const snapshot = sharedSnapshot('some', { tree: new Uint8Array(32), time: 0 } as never);
const root = pathInShare('') ?? Buffer.from('/');

function fileNode(name: string, size: number): Node {
  const numbers = { mode: 0o644, uid: 0, gid: 0, mtime: 0n, ctime: 0n, inode: 1n, device: 0, links: 1 };
  return { name: Buffer.from(name, 'latin1'), type: 'file', size, ...numbers };
}

function libraryOf(nodes: readonly Node[], stretches: readonly Stretch[] = [], failure?: NeoError): Library {
  return {
    async *entries() {
      for (const node of nodes) yield { path: Buffer.concat([Buffer.from('/'), node.name]), node };
      if (failure !== undefined) throw failure;
    },
    async *content() {
      yield* stretches;
    },
  };
}

const load = async (page: Page): Promise<Content> => page.load(new AbortController().signal);

async function listed(library: Library) {
  const content = await load(pathPage(library, snapshot, root, 'title'));
  if (content.type !== 'list') throw new Error('no list');
  return content;
}

/** Of the only file. */
async function shown(size: number, ...stretches: readonly Stretch[]) {
  const { rows } = await listed(libraryOf([fileNode('file', size)], stretches));
  const page = rows[0]?.open?.();
  if (page === undefined) throw new Error('nothing to open');
  const content = await load(page);
  if (content.type !== 'text') throw new Error('no text');
  return content;
}

const data = (text: string | Uint8Array): Stretch => ({ type: 'data', bytes: Buffer.from(text as string) });

describe('pages of directories', () => {
  it('show what could be read, and say what could not', async () => {
    const damaged = new NeoError('integrity', '1 directory cannot be read \u001b[2J');
    const { rows, note } = await listed(libraryOf([fileNode('a\u001b', 5)], [], damaged));
    expect(rows.map(({ cells }) => cells[0])).toEqual(['a\\x1b']);
    expect(note).toBe('1 directory cannot be read \\x1b[2J');
    await expect(listed(libraryOf([], [], damaged))).rejects.toThrow('cannot be read');
  });
});

describe('pages of files', () => {
  it('show text by lines, without what a terminal obeys', async () => {
    const { lines } = await shown(5, data('one\r\n\ttwo\u001b[1m\nümlaut \u202e'));
    expect(lines).toEqual(['one', '    two\\x1b[1m', 'ümlaut \\u202e']);
    expect((await shown(0)).lines).toEqual(['(empty)']);
  });

  it('show the beginning of what is long, whole letters only', async () => {
    const { lines, note } = await shown(600_000, data(`a${'ü'.repeat(300_000)}`));
    expect(lines.join('')).toMatch(/^aü+$/);
    expect(note).toContain('the first 256.0 KiB are shown');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(1000);
  });

  it('show bytes of what is no text, and take no memory for holes', async () => {
    const { lines, note } = await shown(2 ** 50, data('AB'), { type: 'hole', length: 2 ** 50 });
    expect(lines[0]).toBe(`00000000  41 42 ${'00 '.repeat(14)} AB..............`);
    expect(lines.length).toBe(16_384);
    expect(note).toContain('1.0 PiB');
  });
});
