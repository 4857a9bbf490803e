/** Listing and reading of snapshots that no honest neo makes. */
import { describe, expect, it } from 'vitest';
import { toBase64 } from '../../src/core/bytes.ts';
import type { NeoEvent } from '../../src/core/events.ts';
import { objectName } from '../../src/core/ids.ts';
import type { Json } from '../../src/core/json.ts';
import { readFileContent, type Stretch } from '../../src/tasks/contents.ts';
import { type Listed, type ListOptions, listNodes } from '../../src/tasks/list.ts';
import { Craft } from './craft.ts';

const name = objectName('ab'.repeat(32));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

interface Outcome {
  readonly paths: string[];
  readonly warnings: string[];
  readonly error: string | undefined;
}

/** @param most no more than so many entries are taken */
async function list(craft: Craft, snapshot: Listed, options: ListOptions, most = 1000): Promise<Outcome> {
  const [paths, warnings]: [string[], string[]] = [[], []];
  const sink = (event: NeoEvent): void => {
    if (event.type === 'warning') warnings.push(`${text(event.path ?? new Uint8Array())}: ${event.message}`);
  };
  try {
    for await (const { path } of listNodes(craft.repository, snapshot, options, sink)) {
      paths.push(text(path));
      if (paths.length === most) break;
    }
  } catch (error) {
    return { paths, warnings, error: String(error) };
  }
  return { paths, warnings, error: undefined };
}

const all: ListOptions = { path: Buffer.from('/'), recursive: true };

describe('listNodes', () => {
  it('lists on behind a directory that is malformed, and then fails', async () => {
    const craft = await Craft.start();
    const twice = craft.directory('b', craft.entry('x', 'f'), craft.entry('x', 'f'));
    const climbing = craft.directory('c', craft.entry('../x', 'f'));
    const hollow = craft.entry('d', 'd');
    const body = await craft.finish(craft.entry('a', 'f'), twice, climbing, hollow, craft.entry('e', 'f'));
    const { paths, warnings, error } = await list(craft, { name, body }, all);
    expect(paths).toEqual(['/a', '/b', '/b/x', '/c', '/d', '/e']);
    expect(warnings.map((warning) => warning.slice(0, 3))).toEqual(['/b:', '/c:', '/d:']);
    expect(error).toContain('3 directories cannot be read');
  });

  it('streams trees that would never end', async () => {
    const craft = await Craft.start();
    let below: Json = craft.entry('a', 'f');
    for (let level = 0; level < 60; level++) {
      const tree = toBase64(craft.tree(below));
      below = craft.entry('d', 'd', { k: tree });
      below = craft.directory('both', craft.entry('a', 'd', { k: tree }), craft.entry('b', 'd', { k: tree }));
    }
    const body = await craft.finish(below);
    const { paths, error } = await list(craft, { name, body }, all, 5000);
    expect([paths.length, error]).toEqual([5000, undefined]);
  });

  it('goes as deep as directories lie', async () => {
    const craft = await Craft.start();
    let below: Json = craft.entry('end', 'f');
    for (let level = 0; level < 3000; level++) below = craft.directory('d', below);
    const body = await craft.finish(below);
    const { paths } = await list(craft, { name, body }, all, 10_000);
    expect([paths.length, paths.at(-1)]).toEqual([3001, `${'/d'.repeat(3000)}/end`]);
  });

  it('knows no path below a file, whatever the file says', async () => {
    const craft = await Craft.start();
    const tree = toBase64(craft.tree(craft.entry('inner', 'f')));
    const body = await craft.finish(craft.entry('file', 'f', { k: tree }));
    const options = { path: Buffer.from('/file/inner'), recursive: false };
    expect((await list(craft, { name, body }, options)).error).toContain('has nothing at /file/inner');
    expect((await list(craft, { name, body }, all)).paths).toEqual(['/file']);
  });

  it('says what was to be saved and is missing', async () => {
    const craft = await Craft.start();
    const body = await craft.finish(craft.entry('other', 'f'));
    const found = await list(craft, { name, body }, { recursive: false });
    expect(found).toEqual({
      paths: [],
      warnings: ['/top: was to be saved, and is not in this snapshot'],
      error: undefined,
    });
  });
});

async function read(entry: (craft: Craft) => Json): Promise<{ stretches: Stretch[]; error: string | undefined }> {
  const craft = await Craft.start();
  const body = await craft.finish(entry(craft));
  const stretches: Stretch[] = [];
  try {
    for await (const stretch of readFileContent(craft.repository, { name, body }, Buffer.from('/file'))) {
      stretches.push(stretch.type === 'data' ? { type: 'data', bytes: Buffer.from(stretch.bytes) } : stretch);
    }
  } catch (error) {
    return { stretches, error: String(error) };
  }
  return { stretches, error: undefined };
}

const data = (bytes: string): Stretch => ({ type: 'data', bytes: Buffer.from(bytes) });
const hole = (length: number): Stretch => ({ type: 'hole', length });

describe('readFileContent', () => {
  it.each<[string, { readonly [member: string]: Json }, Stretch[]]>([
    ['a plain file', {}, [data('hello')]],
    ['a hole in front', { s: 9, S: [[4, 5]] }, [hole(4), data('hello')]],
    [
      'holes everywhere',
      {
        s: 20,
        S: [
          [1, 2],
          [10, 3],
        ],
      },
      [hole(1), data('he'), hole(7), data('llo'), hole(7)],
    ],
    ['the largest there can be', { s: 2 ** 53 - 1, S: [[0, 5]] }, [data('hello'), hole(2 ** 53 - 6)]],
  ])('gives %s', async (_what, more, expected) => {
    expect(await read((craft) => craft.file('file', 'hello', more))).toEqual({ stretches: expected, error: undefined });
  });

  it.each<[string, { readonly [member: string]: Json }, string]>([
    ['more content than its size', { s: 4 }, 'more content than its size'],
    ['less content than its size', { s: 6 }, 'less content than its size'],
    ['data past its end', { s: 9, S: [[5, 5]] }, 'data past its end'],
    [
      'extents that overlap',
      {
        s: 9,
        S: [
          [0, 3],
          [2, 2],
        ],
      },
      'extents overlap',
    ],
    ['another hash', { K: Buffer.alloc(32, 1).toString('base64url') }, 'not those that were saved'],
  ])('refuses %s', async (_what, more, message) => {
    expect((await read((craft) => craft.file('file', 'hello', more))).error).toContain(message);
  });

  it('refuses a chunk that is not as long as the file says', async () => {
    const { stretches, error } = await read((craft) => {
      const key = toBase64(craft.save('data', Buffer.from('hello')));
      return craft.entry('file', 'f', { s: 4, c: { l: [[key, 4]] } });
    });
    expect([stretches, error]).toEqual([[], expect.stringContaining('another length')]);
  });

  it('refuses a file that reaches beyond its bundle', async () => {
    const slice = (offset: number, size: number) => (craft: Craft) => {
      const key = toBase64(craft.save('data', Buffer.from('onetwo')));
      return craft.entry('file', 'f', { s: size, c: { k: key, o: offset, z: 6 } });
    };
    expect((await read(slice(3, 3))).stretches).toEqual([data('two')]);
    expect((await read(slice(3, 4))).error).toContain('beyond its bundle');
  });
});
