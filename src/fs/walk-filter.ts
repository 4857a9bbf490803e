/** The rules of what a snapshot leaves out, as the walk asks for them: this is where ignore files are read. */
import { closeSync, readSync } from 'node:fs';
import { messageOf, NeoError, systemCode } from '../core/errors.ts';
import type { DirectoryContent, DirectoryRules, IgnoreRules } from './ignore-rules.ts';
import { openForReading } from './open-reading.ts';
import { joinPath } from './path.ts';
import { fstatOf } from './stat.ts';
import type { WalkDirectory, WalkFilter } from './walk.ts';

/** An ignore file or marker that is there and cannot be read: what it names is saved, and this is said. */
export interface UnreadableRules {
  readonly path: Uint8Array;
  readonly code: string;
  readonly message: string;
}

/** Larger ignore files are refused, not half read. */
const MAX_RULES_BYTES = 16 * 1024 * 1024;

/**
 * A filter for one root. `rootPath`: absolute, for rules that name paths from there, also when the walk's root is
 * written otherwise; `named`: as in IgnoreRules.enterSource.
 */
export function ignoreFilter(
  rules: IgnoreRules,
  rootPath: Uint8Array,
  onUnreadable: (problem: UnreadableRules) => void,
  named = true,
): WalkFilter<DirectoryRules> {
  const { facts } = rules;
  return {
    ...(facts === undefined ? {} : { facts }),
    enter(parent, directory) {
      const content = directoryContent(directory, onUnreadable);
      return parent === undefined ? rules.enterSource(rootPath, content, named) : parent.enter(directory.name, content);
    },
    decide: (scope, name, type, size) => scope.decide(name, type === 'directory' ? 'directory' : 'other', size),
  };
}

/** A directory of the disk as the rules see it. */
export function directoryContent(
  directory: Pick<WalkDirectory, 'path' | 'access' | 'has'>,
  onUnreadable: (problem: UnreadableRules) => void,
): DirectoryContent {
  return {
    has: (name) => directory.has(name),
    read: (name) => readRules(directory, name, onUnreadable),
  };
}

function readRules(
  directory: Pick<WalkDirectory, 'path' | 'access'>,
  name: Uint8Array,
  onUnreadable: (problem: UnreadableRules) => void,
): Uint8Array | undefined {
  try {
    return readSmallFile(joinPath(directory.access, name));
  } catch (error) {
    const code = systemCode(error) ?? 'UNKNOWN';
    // Not there, or a symlink, or something that is no file: no rules, as in git.
    if (!['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(code)) {
      onUnreadable({ path: joinPath(directory.path, name), code, message: messageOf(error) });
    }
    return undefined;
  }
}

function readSmallFile(path: Uint8Array): Uint8Array | undefined {
  const fd = openForReading(path);
  try {
    const { type, size } = fstatOf(fd);
    if (type !== 'file') return undefined;
    if (size > MAX_RULES_BYTES) throw new NeoError('failed', `larger than ${MAX_RULES_BYTES} bytes`);
    const bytes = new Uint8Array(size);
    let count = 0;
    for (let got = 1; got > 0 && count < size; count += got) got = readSync(fd, bytes, count, size - count, count);
    return bytes.subarray(0, count);
  } finally {
    closeSync(fd);
  }
}
