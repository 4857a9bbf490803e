/** Run by lossy-line.sh: stores and reads back by SFTP, over a line of 50 ms. Ends with 0 when all bytes are the same. */
import { RetryBackend } from '../../src/backends/retry.ts';
import { openSftp } from '../../src/backends/sftp.ts';
import { systemRandom } from '../../src/core/random.ts';
import { pattern } from './bytes-pattern.ts';
import { startCuttingProxy } from './cutting-proxy.ts';
import { startSshd } from './sshd.ts';

const OBJECTS = 8;
const BYTES = 3 << 20;

const sshd = await startSshd();
const proxy = await startCuttingProxy(sshd.port, 25);
const command = `${sshd.command} -o HostKeyAlias=[127.0.0.1]:${sshd.port}`;
const target = { host: '127.0.0.1', port: proxy.port };
const backend = new RetryBackend(await openSftp(target, `${sshd.files}/repository`, { command, create: true }), {
  retryFor: 60_000,
  monotonic: () => performance.now(),
  random: systemRandom,
  pause: async () => undefined,
});
const objects = Array.from({ length: OBJECTS }, (_, n) => ({ path: `packs/0${n}/${n}`, bytes: pattern(BYTES, n) }));
await Promise.all(objects.map(({ path, bytes }) => backend.put(path, bytes)));
const found = await Promise.all(objects.map(({ path }) => backend.get(path)));
const isSame = objects.every(({ bytes }, n) => Buffer.compare(found[n] ?? Buffer.alloc(0), bytes) === 0);
await backend.close();
await proxy.stop();
await sshd.stop();
process.exitCode = isSame ? 0 : 1;
