import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openNeo } from '../../src/backends/neo.ts';
import { makeServerKey, type ServerCertificate } from '../../src/engine/server-certificate.ts';
import { ownIdentity } from '../../src/server/identity.ts';
import { pattern } from '../support/backend-suite.ts';
import { startOwnServer } from '../support/own-server.ts';

const NOW = Date.UTC(2026, 10, 30);
const DAY = 24 * 3_600_000;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'neo-identity-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const open = (now = NOW, names = ['localhost']): Promise<ServerCertificate> =>
  ownIdentity({ folder: join(folder, 'identity'), names, now });

describe("a server's identity", () => {
  it('is made at the first start, for nobody else to read, and is the same at the next', async () => {
    const first = await open();
    expect(await open(NOW + DAY)).toEqual(first);
    expect((await readdir(join(folder, 'identity'))).sort()).toEqual(['server.cert', 'server.key']);
    expect((await stat(join(folder, 'identity'))).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, 'identity/server.key'))).mode & 0o777).toBe(0o600);
  });

  it('is one where several start at once for the first time', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => open()));
    expect(new Set(all.map(({ key }) => key)).size).toBe(1);
    expect((await readdir(join(folder, 'identity'))).sort()).toEqual(['server.cert', 'server.key']);
    expect((await open()).key).toBe(all[0]?.key);
  });

  it('keeps its key when the certificate is about to run out, is of other names, or is gone', async () => {
    const first = await open();
    const renewed = await open(NOW + 370 * DAY);
    const renamed = await open(NOW, ['localhost', '::1']);
    await writeFile(join(folder, 'identity/server.cert'), 'rubbish');
    const remade = await open();
    await rm(join(folder, 'identity/server.cert'));
    const again = await open();
    for (const each of [renewed, renamed, remade, again]) {
      expect([each.key, each.fingerprint]).toEqual([first.key, first.fingerprint]);
      expect(each.cert).not.toBe(first.cert);
    }
    expect(renewed.until - first.until).toBe(370 * DAY);
    expect(renamed.names).toEqual(['::1', 'localhost']);
  });

  it.each(['', 'rubbish', '-----BEGIN PRIVATE KEY-----\nMIGH'])(
    'is never replaced because its key cannot be read (%j)',
    async (text) => {
      await open();
      const path = join(folder, 'identity/server.key');
      await chmod(path, 0o600);
      await writeFile(path, text);
      await expect(open()).rejects.toMatchObject({ code: 'integrity', hint: expect.stringContaining('copy') });
      expect(await readFile(path, 'utf8')).toBe(text);
    },
  );

  it('has the certificate of its key only', async () => {
    const first = await open();
    await writeFile(join(folder, 'identity/server.key'), makeServerKey());
    const other = await open();
    expect(other.fingerprint).not.toEqual(first.fingerprint);
    expect(other.cert).not.toBe(first.cert);
  });

  it('is an error of its folder where that cannot be made', async () => {
    await writeFile(join(folder, 'identity'), '');
    await expect(open()).rejects.toMatchObject({ name: 'NeoError', message: expect.stringContaining('identity') });
  });
});

describe('a certificate that is exchanged while the server runs', () => {
  it('is shown to whoever connects from then on; those that are connected go on', async () => {
    const server = await startOwnServer();
    const other = await open(Date.now(), ['127.0.0.1']);
    const clientOf = (fingerprint: Uint8Array) =>
      openNeo(
        { host: '127.0.0.1', port: server.port, target: 'one' },
        { trust: { fingerprint, token: server.token('write') } },
      );
    const before = clientOf(server.fingerprint);
    await before.put('packs/00/a', pattern(10));
    const slow = before.put('packs/00/b', pattern(5_000_000));
    server.present(other);
    await slow;
    expect(await before.get('packs/00/b')).toEqual(pattern(5_000_000));
    const after = clientOf(other.fingerprint);
    expect(await after.get('packs/00/a')).toEqual(pattern(10));
    const outdated = clientOf(server.fingerprint);
    await expect(outdated.get('packs/00/a')).rejects.toMatchObject({ code: 'unreachable', isPermanent: true });
    for (const client of [before, after, outdated]) await client.close();
    await server.stop();
  });
});
