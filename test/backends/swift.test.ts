/** A store without conditional writes, a real one: OpenStack's Swift. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openS3 } from '../../src/backends/s3.ts';
import { parseS3 } from '../../src/backends/s3-location.ts';
import { QUICK_KDF, User } from '../commands/user.ts';
import { backendSuite } from '../support/backend-suite.ts';
import { type Swift, startSwift, swiftIsThere } from '../support/swift.ts';

describe.skipIf(!swiftIsThere())('over Swift', () => {
  let swift: Swift;
  let buckets = 0;

  beforeAll(async () => {
    swift = await startSwift();
    Object.assign(process.env, swift.env);
  }, 90_000);
  afterAll(() => swift.stop());

  const freshPlace = () => {
    buckets += 1;
    return parseS3(`s3://bucket-${buckets}/some/where?endpoint=${swift.endpoint}`);
  };
  backendSuite(
    'swift',
    async () => {
      const place = freshPlace();
      const client = () => openS3(place, { create: true, createBucket: true });
      return { backend: await client(), second: client, dispose: async () => undefined };
    },
    { overwrites: true, roundsUp: true, isSlow: true },
  );

  it('is said to overwrite, and holds a repository like any other', async () => {
    const NEO_REPO = `s3://laptop/backup?endpoint=${swift.endpoint}`;
    const user = await User.make({ NEO_PASSWORD: 'correct horse', NEO_REPO, NEO_GRACE_FLOOR: '1s', ...swift.env });
    const { code, stderr } = await user.neo(['init', ...QUICK_KDF, '--create-bucket', '--pack-size', '2M']);
    expect([code, stderr]).toEqual([0, expect.stringContaining('this store overwrites objects')]);
    await user.sh(
      'mkdir -p a b; for n in 1 2 3; do head -c 3M /dev/urandom > a/$n; head -c 3M /dev/urandom > b/$n; done',
    );
    // Two at once, and something removed meanwhile.
    expect((await user.neo(['snapshot', 'a'])).code).toBe(0);
    await user.sh('head -c 3M /dev/urandom > a/1');
    const both = await Promise.all([user.neo(['snapshot', 'a']), user.neo(['snapshot', 'b'])]);
    expect(both.map((run) => run.code)).toEqual([0, 0]);
    expect((await user.neo(['forget', '--keep-last', '1', '--trash', '0', '--yes'])).code).toBe(0);
    const last = await Promise.all([
      user.neo(['prune', '--grace', '0', '--sole-writer', '--yes']),
      user.neo(['snapshot', 'b']),
    ]);
    expect(last.map((run) => run.code)).toEqual([0, 0]);
    expect((await user.neo(['check', '--read-data'])).stdout).toContain('no damage found');
    expect((await user.neo(['restore', 'latest', '--to', 'back'])).code).toBe(0);
    expect((await user.sh('diff -r b back$PWD/b')).stdout).toBe('');
  });
});
