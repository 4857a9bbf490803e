/** References to snapshots. */
import { describe, expect, test } from 'vitest';
import { toHex, utf8 } from '../../src/core/bytes.ts';
import { isNeoError, type NeoError } from '../../src/core/errors.ts';
import { clientId, contentKey, objectName, sessionId } from '../../src/core/ids.ts';
import type { Snapshot } from '../../src/snapshot/listing.ts';
import { selectSnapshot, splitReference } from '../../src/snapshot/select.ts';
import type { SnapshotBody } from '../../src/snapshot/snapshot.ts';

const none = { hosts: [], tags: [], paths: [] };

function snapshot(name: string, time: number, more: Partial<SnapshotBody> = {}): Snapshot {
  const id = '00'.repeat(16);
  const head = { epoch: 0, client: clientId(id), session: sessionId(id), sequence: 1, previous: [], validated: 0 };
  const statistics = { filesNew: 0, filesChanged: 0, filesUnmodified: 0, directories: 0, errors: 0, durationMs: 0 };
  return {
    name: objectName(name.padEnd(64, '0')),
    received: time,
    arrived: time,
    role: 'full',
    head: { ...head, generation: 0 },
    body: {
      time,
      host: 'laptop',
      user: 'me',
      paths: [utf8('/home/me/work')],
      tree: contentKey(new Uint8Array(32)),
      devices: [],
      tags: [],
      program: 'test',
      kind: 'snapshot',
      excludes: [],
      statistics: { ...statistics, bytesProcessed: 0, bytesAdded: 0, bytesStored: 0 },
      rebundle: [],
      ...more,
    },
  };
}

const first = snapshot('aaaa1111', 1000, { tags: ['weekly', 'who=me'] });
const second = snapshot('aaaa2222', 2000, { host: 'server', paths: [utf8('/etc'), utf8('/var')] });
const third = snapshot('bbbb', 3000);
const partial = snapshot('cccc', 4000, { kind: 'partial' });
const stash = snapshot('dddd', 5000, { kind: 'stash' });
const all = [first, second, third, partial, stash];

function refusal(select: () => unknown): NeoError {
  try {
    select();
  } catch (error) {
    if (isNeoError(error)) return error;
    throw error;
  }
  throw new Error('was not refused');
}

describe('splitReference', () => {
  test.each([
    ['latest', 'latest', undefined],
    ['2829f3c9', '2829f3c9', undefined],
    ['latest:/home/me', 'latest', '/home/me'],
    ['latest~2:work', 'latest~2', 'work'],
    ['abcd:/with:colons:', 'abcd', '/with:colons:'],
    [':/etc', 'latest', '/etc'],
    ['latest:', 'latest', undefined],
    ['latest:/ü', 'latest', '/ü'],
  ])('%s', (text, name, path) => {
    const split = splitReference(text);
    expect(split.snapshot).toBe(name);
    expect(split.path === undefined ? undefined : toHex(split.path)).toBe(path && toHex(utf8(path)));
  });
});

describe('latest', () => {
  test('is the newest complete one', () => {
    expect(selectSnapshot(all, 'latest')).toBe(third);
    expect(selectSnapshot(all, 'latest~0')).toBe(third);
    expect(selectSnapshot(all, 'latest~1')).toBe(second);
    expect(selectSnapshot(all, 'latest~2')).toBe(first);
  });

  test('of what the filter keeps', () => {
    expect(selectSnapshot(all, 'latest', { ...none, hosts: ['server'] })).toBe(second);
    expect(selectSnapshot(all, 'latest', { ...none, tags: ['weekly,who=me'] })).toBe(first);
    expect(selectSnapshot(all, 'latest', { ...none, paths: [utf8('/etc/passwd')] })).toBe(second);
    expect(selectSnapshot(all, 'latest~1', { ...none, hosts: ['laptop'] })).toBe(first);
  });

  test.each([
    [1999, first],
    [2000, second],
    [2999, second],
    [3000, third],
    [9999, third],
  ])('at %i: the last one not after', (until, expected) => {
    expect(selectSnapshot(all, 'latest', { ...none, until })).toBe(expected);
  });

  test.each([
    ['before the first', () => selectSnapshot(all, 'latest', { ...none, until: 999 }), 'that old', 'neo snapshots'],
    ['too far back', () => selectSnapshot(all, 'latest~3'), 'only 3', 'neo snapshots'],
    ['too far back, of one', () => selectSnapshot([first], 'latest~1'), 'only one', 'neo snapshots'],
    ['none at all', () => selectSnapshot([], 'latest'), 'no snapshots yet', 'neo snapshot PATH'],
    ['none of that host', () => selectSnapshot(all, 'latest', { ...none, hosts: ['x'] }), 'host x', 'neo snapshots'],
    ['only partial ones', () => selectSnapshot([partial], 'latest'), 'only a partial one', 'cccc0000'],
  ])('%s: exit 1, and what to do', (_what, select, message, hint) => {
    const error = refusal(select);
    expect(error).toMatchObject({ code: 'failed', exitCode: 1 });
    expect(error.message).toContain(message);
    expect(error.hint).toContain(hint);
  });
});

describe('ids', () => {
  test('by their start, whatever the filter and the kind', () => {
    expect(selectSnapshot(all, 'aaaa1')).toBe(first);
    expect(selectSnapshot(all, 'bbbb', { ...none, hosts: ['server'], until: 0 })).toBe(third);
    expect(selectSnapshot(all, 'cccc')).toBe(partial);
    expect(selectSnapshot(all, first.name)).toBe(first);
  });

  test('of two: both are named', () => {
    const error = refusal(() => selectSnapshot(all, 'aaaa'));
    expect(error).toMatchObject({ code: 'usage', message: 'aaaa could be aaaa1111, aaaa2222' });
  });

  test('of two that differ late: named so that they differ', () => {
    const twins = [snapshot('123456789a', 1), snapshot('123456789b', 2)];
    expect(refusal(() => selectSnapshot(twins, '1234')).message).toContain('123456789a, 123456789b');
  });

  test('of many: some are named', () => {
    const many = Array.from({ length: 9 }, (_, i) => snapshot(`1234${i}`, i));
    expect(refusal(() => selectSnapshot(many, '1234')).message).toMatch(/ and 4 more$/);
  });

  test('too short to be meant, and unknown', () => {
    expect(refusal(() => selectSnapshot(all, 'bb'))).toMatchObject({ code: 'usage', hint: 'write bbbb0000' });
    expect(refusal(() => selectSnapshot(all, 'ffff'))).toMatchObject({ code: 'failed', hint: expect.anything() });
  });

  test.each(['', 'Latest', 'latest~', 'latest~-1', 'latest~x', 'xyz', '/home/me', 'AAAA', `${'a'.repeat(65)}`])(
    'no reference: %j',
    (text) => {
      expect(refusal(() => selectSnapshot(all, text))).toMatchObject({ code: 'usage', exitCode: 2 });
    },
  );
});
