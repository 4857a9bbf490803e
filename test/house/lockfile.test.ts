/**
 * `npm ci` refuses a lock file that lacks a platform's optional package, and npm leaves out what its registry does not
 * have; so each must be there, whoever wrote the file.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './run.ts';

interface Entry {
  readonly version?: string;
  readonly optionalDependencies?: { readonly [name: string]: string };
}

const text = await readFile(join(root, 'package-lock.json'), 'utf8');
const { packages } = JSON.parse(text) as { packages: { readonly [path: string]: Entry } };

describe('the lock file', () => {
  it('has every optional package of every platform', () => {
    const missing = Object.entries(packages).flatMap(([path, entry]) =>
      Object.keys(entry.optionalDependencies ?? {}).filter(
        (name) => !(`node_modules/${name}` in packages) && !(`${path}/node_modules/${name}` in packages),
      ),
    );
    expect(missing).toEqual([]);
  });

  it('names no registry', () => {
    expect(text).not.toContain('"resolved"');
  });

  it('holds the majors that an old npm would not pick', () => {
    const major = (name: string) => Number.parseInt(packages[`node_modules/${name}`]?.version ?? '', 10);
    expect([major('@oclif/core'), major('oclif'), major('vitest'), major('node')]).toEqual([5, 6, 5, 24]);
  });
});
