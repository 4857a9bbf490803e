import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { sharedHostNote } from '../../src/snapshot/maker.ts';
import { selectSnapshot } from '../../src/snapshot/select.ts';
import { tempFolder } from '../support/temp-repository.ts';
import { makeFiles, Scene } from '../tasks/write-only-support.ts';

it('tells when a stolen key claims the host whose latest snapshot is taken', async () => {
  const scene = await Scene.make();
  const folder = join(await tempFolder(), 'home');
  mkdirSync(folder);
  makeFiles(folder, 1);
  await scene.full.snapshot(folder, { host: 'server' });
  const thief = await scene.add('write', 'laptop');
  await thief.snapshot(folder, { host: 'laptop' });
  const honest = await scene.snapshots();
  expect(sharedHostNote(honest, selectSnapshot(honest, 'latest'))).toBeUndefined();
  await thief.snapshot(folder, { host: 'server' });
  const snapshots = await scene.snapshots();
  const { client } = await thief.repository();
  expect(sharedHostNote(snapshots, selectSnapshot(snapshots, 'latest'))).toContain(`with key ${client.slice(0, 8)}`);
});
