/** A repository on a disk, in a bucket, and at a server of neo. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NeoServe, startNeoServe } from '../support/neo-serve.ts';
import { type Radosgw, radosgwIsThere, startRadosgw } from '../support/radosgw.ts';
import { ok, summaryOf } from './people.ts';
import { QUICK_KDF, User } from './user.ts';

describe.skipIf(!radosgwIsThere())('neo replicate in a bucket', () => {
  let gateway: Radosgw;
  let server: NeoServe;
  let user: User;
  let bucket: string;
  beforeAll(async () => {
    gateway = await startRadosgw();
    server = await startNeoServe();
    user = await User.make({ NEO_PASSWORD: 'correct horse', ...gateway.env });
    bucket = `'s3://backup/one?endpoint=${gateway.endpoint}'`;
    await ok(user.neo(['login', server.url, '--code', server.adminCode, '--fingerprint', server.fingerprint]));
    await ok(user.sh('mkdir work; for n in 1 2 3; do head -c 1M /dev/urandom > work/$n; done'));
    await ok(user.neo(['init', ...QUICK_KDF, '--repo', 'own']));
    await ok(user.neo(['snapshot', 'work', '--repo', 'own']));
  }, 60_000);
  afterAll(async () => {
    await server.stop();
    await gateway.stop();
  });

  const replicate = (from: string, to: string) => user.sh(`neo replicate --from ${from} --to ${to} --json`);

  it('makes the bucket only when it is told to', async () => {
    const missing = await replicate('own', bucket);
    expect([missing.code, missing.stderr]).toEqual([10, expect.stringContaining('--create-bucket')]);
    const made = summaryOf(await ok(replicate('own', `${bucket} --create-bucket`)));
    expect(made).toMatchObject({ copied: expect.any(Number), conflicts: 0 });
    expect(summaryOf(await ok(replicate('own', bucket)))).toMatchObject({ copied: 0 });
  });

  it('goes on to a server, and comes back whole', async () => {
    const target = `${server.url}/docs`;
    await ok(replicate(bucket, target));
    await ok(replicate(target, 'back'));
    expect(summaryOf(await ok(replicate(target, bucket)))).toMatchObject({ copied: 0 });
    await ok(user.neo(['check', '--read-data', '--repo', 'back']));
    expect(summaryOf(await ok(replicate('own', 'back')))).toMatchObject({ copied: 0 });
  });
});
