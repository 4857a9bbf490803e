/** A repository may be hostile, and other processes may move things while neo restores: nothing lands outside. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isNeoError, type NeoError } from '../../src/core/errors.ts';
import type { EntryMetadata } from '../../src/fs/apply.ts';
import { RestoreTarget, type RestoreTargetOptions } from '../../src/fs/writer.ts';
import type { TargetDirectory } from '../../src/fs/writer-directory.ts';
import type { TargetFile } from '../../src/fs/writer-file.ts';
import { temporaryName } from '../../src/fs/writer-name.ts';

const bytes = (text: string): Buffer => Buffer.from(text);
const metadata: EntryMetadata = {
  mode: 0o666,
  uid: process.getuid?.() ?? 0,
  gid: process.getgid?.() ?? 0,
  mtime: 1n,
  attributes: [],
};
const isRoot = process.getuid?.() === 0;

function refusal(action: () => unknown): NeoError {
  try {
    action();
  } catch (error) {
    if (isNeoError(error)) return error;
    throw error;
  }
  throw new Error('was not refused');
}

/** Steps of a random sequence. */
const CLIMBS = 20;

let scratch: string;
let base: string;
let where: string;
let outside: string;
let targets: RestoreTarget[];

function open(options: RestoreTargetOptions): RestoreTarget {
  const target = RestoreTarget.open(where, options);
  targets.push(target);
  return target;
}

function put(target: RestoreTarget, directory: TargetDirectory, name: string, content = 'x'): void {
  const file = target.createFile(directory, bytes(name), content.length);
  file.write(bytes(content), 0);
  file.complete(metadata);
}

beforeEach(() => {
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'neo-confine-'));
  // Deep enough that even a broken confinement stays in the scratch folder: no test climbs that many levels.
  base = path.join(scratch, ...Array.from({ length: CLIMBS + 4 }, () => 'n'));
  fs.mkdirSync(base, { recursive: true });
  where = path.join(base, 'target');
  outside = path.join(base, 'outside');
  fs.mkdirSync(outside);
  fs.writeFileSync(path.join(outside, 'precious'), 'precious', { mode: 0o640 });
  fs.utimesSync(outside, 100, 100);
  targets = [];
});

afterEach(() => {
  for (const target of targets) target.close();
  expect(fs.readdirSync(base).sort()).toEqual(['outside', 'target']);
  expect(fs.readdirSync(outside)).toEqual(['precious']);
  expect(fs.readFileSync(path.join(outside, 'precious'), 'utf8')).toBe('precious');
  const stats = fs.lstatSync(path.join(outside, 'precious'));
  expect([stats.mode & 0o7777, stats.nlink]).toEqual([0o640, 1]);
  expect(fs.lstatSync(outside).mtimeMs).toBe(100_000);
  fs.rmSync(scratch, { recursive: true, force: true });
});

const unsafe = ['', '.', '..', '/', '/etc', '../outside', 'a/b', 'a/', 'nul\0', '\0', 'x'.repeat(256)];

describe.each([{ withoutProc: false }, { withoutProc: true }])('confinement %o', (mode) => {
  test.each(unsafe)('refuses the name %j everywhere', (text) => {
    const target = open({ ...mode, replace: true, devices: true });
    const { root } = target;
    const name = bytes(text);
    const actions: (() => unknown)[] = [
      () => target.directory(root, name),
      () => target.createFile(root, name, 1),
      () => target.updateFile(root, name, 1),
      () => target.openExisting(root, name),
      () => target.place(root, name, { type: 'symlink', target: bytes('x'), metadata }),
      () => target.place(root, name, { type: 'fifo', metadata }),
      () => target.place(root, bytes('link'), { type: 'hardlink', to: root, toName: name }),
      () => target.remove(root, name),
      () => target.stat(root, name),
      () => target.apply(root, name, metadata),
    ];
    for (const action of actions) expect(refusal(action).exitCode).toBe(15);
    expect(fs.readdirSync(where)).toEqual([]);
  });

  test('does not write through a symlink that was restored before', () => {
    const target = open(mode);
    target.place(target.root, bytes('d'), { type: 'symlink', target: bytes(outside), metadata });
    expect(refusal(() => target.directory(target.root, bytes('d'))).exitCode).toBe(15);
    expect(refusal(() => target.createFile(target.root, bytes('d'), 1)).exitCode).toBe(15);
  });

  test('does not write through a symlink that was there, to a directory or a file', () => {
    fs.mkdirSync(where);
    fs.symlinkSync(outside, path.join(where, 'd'));
    fs.symlinkSync(path.join(outside, 'precious'), path.join(where, 'f'));
    fs.symlinkSync(path.join(outside, 'new'), path.join(where, 'n'));
    const target = open(mode);
    expect(refusal(() => target.directory(target.root, bytes('d'))).code).toBe('already-exists');
    expect(target.updateFile(target.root, bytes('f'), 3)).toBeUndefined();
    expect(target.openExisting(target.root, bytes('f'))).toBeUndefined();
    put(target, target.root, 'f', 'mine');
    put(target, target.root, 'n', 'mine');
    expect(fs.lstatSync(path.join(where, 'f')).isFile()).toBe(true);
    expect(fs.readFileSync(path.join(where, 'n'), 'utf8')).toBe('mine');
  });

  test('metadata does not go through a symlink', () => {
    fs.mkdirSync(where);
    fs.symlinkSync(path.join(outside, 'precious'), path.join(where, 'f'));
    const target = open(mode);
    const value = { name: bytes('user.evil'), value: bytes('x') };
    const problems: string[] = [];
    const noisy = open({ ...mode, onProblem: (problem) => problems.push(problem.what) });
    noisy.apply(noisy.root, bytes('f'), { ...metadata, mode: 0o4777, attributes: [value] });
    target.apply(target.root, bytes('f'), { ...metadata, mode: 0o4777 });
    expect(problems).toEqual(['attribute']);
    expect(fs.lstatSync(path.join(where, 'f'), { bigint: true }).mtimeNs).toBe(1n);
    expect(fs.lstatSync(path.join(outside, 'precious'), { bigint: true }).mtimeNs).not.toBe(1n);
  });

  test('replaces a symlink by a directory without touching what it pointed to', () => {
    fs.mkdirSync(where);
    fs.symlinkSync(outside, path.join(where, 'd'));
    const target = open({ ...mode, replace: true });
    put(target, target.directory(target.root, bytes('d')), 'precious', 'other');
    expect(fs.readFileSync(path.join(where, 'd/precious'), 'utf8')).toBe('other');
  });

  test('removal does not follow symlinks', () => {
    fs.mkdirSync(path.join(where, 'd/e'), { recursive: true });
    fs.symlinkSync(outside, path.join(where, 'd/e/link'));
    fs.symlinkSync(outside, path.join(where, 'top'));
    fs.writeFileSync(path.join(where, 'd/f'), 'x');
    const target = open(mode);
    target.remove(target.root, bytes('d'));
    target.remove(target.root, bytes('top'));
    target.remove(target.root, bytes('missing'));
    expect(fs.readdirSync(where)).toEqual([]);
  });

  test('a directory swapped for a symlink during the run is not entered', () => {
    const target = open({ ...mode, openFiles: 8 });
    const victim = target.directory(target.root, bytes('victim'));
    const planned = target.createFile(victim, bytes('planned'), 3);
    // Enough other directories that no descriptor of the victim or its file is left open.
    for (let i = 0; i < 12; i++) put(target, target.directory(target.root, bytes(`d${i}`)), 'f');
    fs.renameSync(path.join(where, 'victim'), path.join(where, 'moved'));
    fs.symlinkSync(outside, path.join(where, 'victim'));
    expect(refusal(() => put(target, victim, 'new')).exitCode).toBe(15);
    // Without /proc the open descriptor still leads to the file itself, wherever it was moved.
    if (!mode.withoutProc) expect(refusal(() => planned.write(bytes('abc'), 0)).exitCode).toBe(15);
    expect(refusal(() => target.place(victim, bytes('s'), { type: 'fifo', metadata })).exitCode).toBe(15);
    expect(refusal(() => target.remove(victim, bytes('precious'))).exitCode).toBe(15);
    expect(refusal(() => target.finishDirectory(victim, metadata)).exitCode).toBe(15);
    planned.abandon();
  });

  test('a hard link does not lead outside through a symlink', () => {
    const target = open(mode);
    target.place(target.root, bytes('s'), { type: 'symlink', target: bytes(path.join(outside, 'precious')), metadata });
    target.place(target.root, bytes('h'), { type: 'hardlink', to: target.root, toName: bytes('s') });
    expect(fs.lstatSync(path.join(where, 'h')).isSymbolicLink()).toBe(true);
    const file = refusal(() =>
      target.place(target.root, bytes('g'), {
        type: 'hardlink',
        to: target.root,
        toName: bytes('../outside/precious'),
      }),
    );
    expect(file.exitCode).toBe(15);
  });

  test('a file that is hard-linked elsewhere is not changed in place', () => {
    fs.mkdirSync(where);
    fs.linkSync(path.join(outside, 'precious'), path.join(where, 'f'));
    const target = open(mode);
    expect(target.updateFile(target.root, bytes('f'), 3)).toBeUndefined();
    put(target, target.root, 'f', 'mine');
    expect(fs.readFileSync(path.join(where, 'f'), 'utf8')).toBe('mine');
  });

  test('a temporary name that somebody foresaw is not written through', () => {
    const random = { bytes: (count: number) => new Uint8Array(count) };
    const foreseen = temporaryName(random).toString();
    fs.mkdirSync(where);
    fs.symlinkSync(path.join(outside, 'precious'), path.join(where, foreseen));
    const target = open({ ...mode, random });
    expect(refusal(() => target.createFile(target.root, bytes('a'), 3)).code).toBe('already-exists');
    fs.rmSync(path.join(where, foreseen));
    fs.writeFileSync(path.join(where, foreseen), 'theirs', { mode: 0o666 });
    target.root.release();
    expect(refusal(() => target.createFile(target.root, bytes('a'), 3)).code).toBe('already-exists');
    expect(fs.readFileSync(path.join(where, foreseen), 'utf8')).toBe('theirs');
  });

  test('a planned file that was swapped while it was closed is not written', () => {
    const target = open({ ...mode, openFiles: 8 });
    const planned = target.createFile(target.root, bytes('planned'), 3);
    const [stored] = fs.readdirSync(where);
    for (let i = 0; i < 12; i++) target.createFile(target.root, bytes(`f${i}`), 0);
    fs.renameSync(path.join(where, stored ?? ''), path.join(where, 'kept'));
    fs.writeFileSync(path.join(where, stored ?? ''), 'theirs');
    expect(refusal(() => planned.write(bytes('abc'), 0)).exitCode).toBe(15);
    expect(fs.readFileSync(path.join(where, stored ?? ''), 'utf8')).toBe('theirs');
  });

  test('one name twice in a directory is refused', () => {
    const target = open({ ...mode, replace: true });
    put(target, target.root, 'a');
    expect(refusal(() => target.createFile(target.root, bytes('a'), 1)).exitCode).toBe(15);
    expect(refusal(() => target.directory(target.root, bytes('a'))).exitCode).toBe(15);
    expect(refusal(() => target.place(target.root, bytes('a'), { type: 'fifo', metadata })).exitCode).toBe(15);
  });

  test('devices are refused without asking, impossible sizes and symlink targets always', () => {
    const target = open(mode);
    const device = { rdev: { major: 1, minor: 3 }, metadata };
    for (const type of ['chardev', 'blockdev'] as const) {
      expect(refusal(() => target.place(target.root, bytes(type), { type, ...device })).exitCode).toBe(15);
    }
    for (const [index, size] of [-1, 0.5, Number.NaN, 2 ** 60].entries()) {
      expect(refusal(() => target.createFile(target.root, bytes(`size${index}`), size)).exitCode).toBe(15);
    }
    for (const [index, link] of ['', 'a\0b'].entries()) {
      const entry = { type: 'symlink', target: bytes(link), metadata } as const;
      expect(refusal(() => target.place(target.root, bytes(`link${index}`), entry)).exitCode).toBe(15);
    }
    expect(fs.readdirSync(where)).toEqual([]);
  });

  test('bytes past the size are refused, and what another thread wrote past it is found', () => {
    const target = open(mode);
    const file = target.createFile(target.root, bytes('a'), 4);
    expect(refusal(() => file.write(bytes('abc'), 2)).exitCode).toBe(15);
    expect(refusal(() => file.write(bytes('a'), -1)).exitCode).toBe(15);
    fs.writeSync(file.acquire(), 'abc', 2);
    file.release();
    expect(refusal(() => file.complete(metadata)).exitCode).toBe(15);
    expect(fs.readdirSync(where)).toEqual([]);
  });

  test('random sequences of hostile entries stay inside', () => {
    const names = fc.constantFrom('a', 'b', '..', 'outside', '../outside', 'precious', '.', 'a/precious');
    const step: fc.Arbitrary<Step> = fc.record({
      directory: fc.nat(3),
      name: names,
      kind: fc.constantFrom('directory', 'file', 'update', 'symlink', 'hardlink', 'remove', 'fifo'),
      link: fc.constantFrom('..', '../outside', '../outside/precious', outside, '.', 'a', '../../outside'),
      other: names,
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: CLIMBS }), fc.boolean(), (steps, replace) => {
        fs.rmSync(where, { recursive: true, force: true });
        const target = open({ ...mode, replace });
        const directories = [target.root];
        for (const step of steps) {
          try {
            run(target, directories, step);
          } catch (error) {
            if (!isNeoError(error)) throw error;
          }
        }
        target.close();
        expect(fs.readdirSync(base).sort()).toEqual(['outside', 'target']);
        expect(fs.readdirSync(outside)).toEqual(['precious']);
        expect(fs.readFileSync(path.join(outside, 'precious'), 'utf8')).toBe('precious');
      }),
      { numRuns: 100 },
    );
  });
});

interface Step {
  readonly directory: number;
  readonly name: string;
  readonly kind: 'directory' | 'file' | 'update' | 'symlink' | 'hardlink' | 'remove' | 'fifo';
  readonly link: string;
  readonly other: string;
}

function run(target: RestoreTarget, directories: TargetDirectory[], step: Step): void {
  const parent = directories[step.directory % directories.length] ?? target.root;
  // Each step as in a run of its own: names may repeat.
  parent.release();
  const name = bytes(step.name);
  switch (step.kind) {
    case 'directory':
      directories.push(target.directory(parent, name));
      return;
    case 'file':
      put(target, parent, step.name, 'evil');
      return;
    case 'update':
      updated(target.updateFile(parent, name, 4));
      return;
    case 'remove':
      target.remove(parent, name);
      return;
    case 'symlink':
      target.place(parent, name, { type: 'symlink', target: bytes(step.link), metadata });
      return;
    case 'hardlink':
      target.place(parent, name, { type: 'hardlink', to: target.root, toName: bytes(step.other) });
      return;
    case 'fifo':
      target.place(parent, name, { type: 'fifo', metadata });
      return;
  }
}

function updated(file: TargetFile | undefined): void {
  file?.write(bytes('evil'), 0);
  file?.complete(metadata);
}

test.runIf(isRoot)('devices are made when asked for', () => {
  const target = open({ devices: true });
  const entry = { type: 'chardev', rdev: { major: 1, minor: 3 }, metadata } as const;
  target.place(target.root, bytes('null'), entry);
  expect(fs.lstatSync(path.join(where, 'null')).isCharacterDevice()).toBe(true);
  expect(fs.lstatSync(path.join(where, 'null')).rdev).toBe(0x103);
});
