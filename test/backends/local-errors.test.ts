import { describe, expect, it } from 'vitest';
import { storageError } from '../../src/backends/local-errors.ts';
import { NeoError } from '../../src/core/errors.ts';

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: something`), { code });
}

describe('storage errors', () => {
  it.each([
    ['ENOSPC', 'no-space'],
    ['EDQUOT', 'no-space'],
    ['EACCES', 'permission-denied'],
    ['EPERM', 'permission-denied'],
    ['EROFS', 'permission-denied'],
    ['ESTALE', 'unreachable'],
    ['ETIMEDOUT', 'unreachable'],
    ['EIO', 'failed'],
    ['EMFILE', 'failed'],
    ['EWHATEVER', 'failed'],
  ])('%s is %s and names the object', (code, meaning) => {
    const cause = systemError(code);
    expect(storageError(cause, 'store packs/00/a')).toMatchObject({
      code: meaning,
      message: expect.stringContaining('packs/00/a'),
      cause,
    });
  });

  it.runIf(process.platform === 'linux')('knows the Linux numbers that libuv has no names for', () => {
    expect(storageError(systemError('Unknown system error -122'), 'x').code).toBe('no-space');
    expect(storageError(systemError('Unknown system error -116'), 'x').code).toBe('unreachable');
  });

  it('never wraps an error of the contract again', () => {
    const error = new NeoError('integrity', 'x');
    expect(storageError(error, 'y')).toBe(error);
  });
});
