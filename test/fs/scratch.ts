/** Real folders for the tests of src/fs: made with system calls where Node has none, and taken away afterwards. */
import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadLibc, throwErrno } from '../../src/fs/libc.ts';
import { joinPath, pathOf } from '../../src/fs/path.ts';
import { descriptorPath } from '../../src/fs/reach.ts';

/** A folder of this test alone. rm(1), not Node: it knows paths longer than the kernel takes. */
export class Scratch implements Disposable {
  readonly text: string;
  readonly path: Buffer;

  constructor(base: string = tmpdir()) {
    this.text = mkdtempSync(join(base, 'neo-fs-'));
    this.path = pathOf(this.text);
  }

  /** In memory where the system has such a folder: for very many files. */
  static inMemory(): Scratch {
    return new Scratch(existsSync('/dev/shm') ? '/dev/shm' : tmpdir());
  }

  at(...names: readonly (string | Uint8Array)[]): Buffer {
    let path = this.path;
    for (const name of names) path = joinPath(path, typeof name === 'string' ? pathOf(name) : name);
    return path;
  }

  [Symbol.dispose](): void {
    execFileSync('rm', ['-rf', this.text]);
    rmSync(this.text, { recursive: true, force: true });
  }
}

/** The bindings; the tests that need them do not run where they are missing. */
export function libcOrThrow(): NonNullable<ReturnType<typeof loadLibc>> {
  const libc = loadLibc();
  if (libc === undefined) throw new Error('these tests need the C library');
  return libc;
}

/** `depth` directories of this name below `top`, each made through the descriptor of the one above; the deepest's path. */
export function makeDeep(top: Uint8Array, name: Uint8Array, depth: number, inside: (deepest: Buffer) => void): Buffer {
  const libc = libcOrThrow();
  let path: Buffer = Buffer.from(top);
  let fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  for (let level = 0; level < depth; level += 1) {
    throwErrno(libc.mkdirat(fd, name, 0o755), 'mkdirat');
    const next = throwErrno(libc.openat(fd, name, constants.O_RDONLY | constants.O_DIRECTORY), 'openat');
    closeSync(fd);
    fd = next;
    path = joinPath(path, name);
  }
  inside(descriptorPath(fd));
  closeSync(fd);
  return path;
}

export const isRoot = process.geteuid?.() === 0;
export const isLinux = process.platform === 'linux';

/** Is this program here? */
export function hasProgram(name: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export function makeDirectory(path: Buffer): Buffer {
  mkdirSync(path, { recursive: true });
  return path;
}
