/** Several channels over one connection, where a channel alone would hold up a long line. */
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Backend } from '../../src/backends/backend.ts';
import { RetryBackend } from '../../src/backends/retry.ts';
import { openSftp } from '../../src/backends/sftp.ts';
import { systemRandom } from '../../src/core/random.ts';
import { pattern } from '../support/backend-suite.ts';
import { type CuttingProxy, startCuttingProxy } from '../support/cutting-proxy.ts';
import { type Sshd, sshdIsThere, startSshd } from '../support/sshd.ts';

const FAR_MS = 10;
const COUNT = 12;
const BYTES = 3 << 20;
const contents = Array.from({ length: COUNT }, (_, n) => pattern(BYTES, n));

interface Way {
  readonly backend: Backend;
  readonly proxy: CuttingProxy;
  /** Of each start of ssh but for the question how it is set up. */
  readonly starts: () => Promise<readonly string[]>;
}

/** To a folder of the server, over a line of so many milliseconds each way. */
async function way(sshd: Sshd, delay: number, options = ''): Promise<Way> {
  const folder = await mkdtemp(join(sshd.files, 'way-'));
  const proxy = await startCuttingProxy(sshd.port, delay);
  onTestFinished(() => proxy.stop());
  const [log, command] = [join(folder, 'log'), join(folder, 'ssh')];
  const real = `${sshd.command} -o HostKeyAlias=[127.0.0.1]:${sshd.port} ${options}`;
  const script = ['#!/bin/sh', `[ "$1" = -G ] || echo "$*" >> ${log}`, `exec ${real} "$@"`, ''];
  await writeFile(command, script.join('\n'), { mode: 0o755 });
  const target = { host: '127.0.0.1', port: proxy.port };
  const backend = await openSftp(target, join(folder, 'repository'), { command, create: true });
  onTestFinished(() => backend.close());
  return { backend, proxy, starts: async () => (await readFile(log, 'utf8')).trim().split('\n') };
}

const pathOf = (n: number): string => `packs/0${n % 3}/${n}`;

async function storeAll(backend: Backend): Promise<void> {
  await Promise.all(contents.map((bytes, n) => backend.put(pathOf(n), bytes)));
}

async function expectAll(backend: Backend): Promise<void> {
  const found = await Promise.all(contents.map((_, n) => backend.getRange(pathOf(n), { offset: 0, length: BYTES })));
  for (const [n, bytes] of found.entries()) {
    expect(bytes !== undefined && Buffer.compare(bytes, contents[n] ?? new Uint8Array())).toBe(0);
  }
}

const owners = (starts: readonly string[]): number =>
  starts.filter((line) => line.includes('ControlMaster=yes')).length;
const members = (starts: readonly string[]): number =>
  starts.filter((line) => line.includes('ControlMaster=no')).length;

describe.skipIf(!sshdIsThere())('channels', () => {
  let sshd: Sshd;
  beforeAll(async () => {
    sshd = await startSshd();
  });
  afterAll(() => sshd.stop());

  it('are four over a long line, and one connection', async () => {
    const { backend, proxy, starts } = await way(sshd, FAR_MS);
    await storeAll(backend);
    await expectAll(backend);
    expect([owners(await starts()), members(await starts()), proxy.connections]).toEqual([1, 3, 1]);
  });

  it('are one over a short line', async () => {
    const { backend, starts } = await way(sshd, 0);
    await storeAll(backend);
    await expectAll(backend);
    expect([owners(await starts()), members(await starts())]).toEqual([1, 0]);
  });

  it('are one where the server allows no more, and nobody is asked again', async () => {
    const strict = await startSshd(['MaxSessions 1']);
    onTestFinished(() => strict.stop());
    const { backend, proxy, starts } = await way(strict, FAR_MS);
    await storeAll(backend);
    await expectAll(backend);
    const all = await starts();
    expect([owners(all), proxy.connections]).toEqual([1, 1]);
    // Each of them may only join that connection, and has no way of its own.
    for (const line of all.filter((each) => !each.includes('ControlMaster=yes'))) {
      expect(line).toContain('ProxyCommand=false');
    }
    expect(members(all)).toBeLessThanOrEqual(6);
  });

  it("are the user's own where connections are shared already", async () => {
    const sockets = await mkdtemp('/tmp/neo-own-');
    const { backend, starts } = await way(sshd, FAR_MS, `-o ControlMaster=auto -o ControlPath=${sockets}/%C`);
    await storeAll(backend);
    await expectAll(backend);
    const all = await starts();
    expect([all.length, owners(all), members(all)]).toEqual([4, 0, 0]);
  });

  it('are had anew after the line was cut', async () => {
    const { backend, proxy, starts } = await way(sshd, FAR_MS);
    const retrying = new RetryBackend(backend, {
      retryFor: 60_000,
      monotonic: () => performance.now(),
      random: systemRandom,
      pause: async () => undefined,
    });
    proxy.cutAfter([10 << 20]);
    await storeAll(retrying);
    await expectAll(retrying);
    expect([proxy.cuts, proxy.connections, owners(await starts())]).toEqual([1, 2, 2]);
    expect(members(await starts())).toBeGreaterThan(3);
  });
});
