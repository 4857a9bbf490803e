/** Directories so large that what waits for one file must not pile up behind it. */
import { linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tempFolder } from '../support/temp-repository.ts';
import { type Found, TestRepository } from './backup-support.ts';

function bundleOf(node: Found | undefined): string {
  if (node?.content?.type !== 'slice') throw new Error('not in a bundle');
  return Buffer.from(node.content.bundle).toString('hex');
}

it('lets no file wait for bytes that come after more than 16,384 other entries', async () => {
  const folder = await tempFolder();
  mkdirSync(join(folder, 'd'));
  const at = (name: string): string => join(folder, 'd', name);
  for (const name of ['a', 'b', 'y', 'z']) writeFileSync(at(name), `content of ${name}`);
  writeFileSync(at('m'), '');
  for (let n = 0; n < 16_400; n++) linkSync(at('m'), at(`m${n}`));
  const repository = await TestRepository.make();
  await repository.snapshot([folder]);
  const found = await repository.read();
  const bundle = (name: string): string => bundleOf(found.get(at(name)));
  expect(bundle('a')).toBe(bundle('b'));
  expect(bundle('y')).toBe(bundle('z'));
  expect(bundle('a')).not.toBe(bundle('z'));
});
