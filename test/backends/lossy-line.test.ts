/** A line on which packets are lost, in a network of its own. */
import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { sshdIsThere } from '../support/sshd.ts';

const here = (name: string): string => fileURLToPath(new URL(`../support/${name}`, import.meta.url));
/** What loses packets, and runs what comes after it. */
const LOSSY = ['--net', 'sh', here('lossy-line.sh')];

const canLosePackets = (): boolean => sshdIsThere() && spawnSync('unshare', [...LOSSY, 'true']).status === 0;

it.skipIf(!canLosePackets())('stores and reads all over 50 ms when one packet of a hundred is lost', async () => {
  const program = [process.execPath, here('lossy-line.ts')];
  const { stdout } = await promisify(execFile)('unshare', [...LOSSY, ...program]);
  expect(Number(/^lost (\d+)$/m.exec(stdout)?.[1])).toBeGreaterThan(10);
});
