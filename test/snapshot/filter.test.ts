import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.ts';
import { clientId, contentKey, objectName, sessionId } from '../../src/core/ids.ts';
import { filterSnapshots, type SnapshotFilter } from '../../src/snapshot/filter.ts';
import type { Snapshot } from '../../src/snapshot/listing.ts';

function snapshot(label: string, time: number, host: string, tags: string[], paths: string[]): Snapshot {
  const statistics = {
    filesNew: 0,
    filesChanged: 0,
    filesUnmodified: 0,
    directories: 0,
    bytesProcessed: 0,
    bytesAdded: 0,
    bytesStored: 0,
    errors: 0,
    durationMs: 0,
  };
  const head = {
    epoch: 0,
    client: clientId('0'.repeat(32)),
    session: sessionId('0'.repeat(32)),
    sequence: time,
    previous: [],
    validated: 0,
    generation: 0,
  };
  const tree = contentKey(new Uint8Array(32));
  const about = { label, time, host, tags, paths: paths.map(utf8), tree, devices: [], program: '', excludes: [] };
  const body = { ...about, user: '', kind: 'snapshot' as const, statistics, rebundle: [] };
  return { name: objectName('0'.repeat(64)), received: time, arrived: time, role: 'full' as const, head, body };
}

const all = [
  snapshot('first', 1, 'laptop', ['daily', 'kind=test'], ['/home/ann']),
  snapshot('second', 2, 'server', ['daily'], ['/etc', '/srv']),
  snapshot('third', 3, 'laptop', [], ['/']),
];

describe('filterSnapshots', () => {
  it.each<[Partial<SnapshotFilter>, string[]]>([
    [{}, ['first', 'second', 'third']],
    [{ hosts: ['laptop'] }, ['first', 'third']],
    [{ hosts: ['laptop', 'server'] }, ['first', 'second', 'third']],
    [{ hosts: ['lap'] }, []],
    [{ tags: ['daily'] }, ['first', 'second']],
    [{ tags: ['daily,kind=test'] }, ['first']],
    [{ tags: ['kind'] }, []],
    [{ tags: ['nothing', 'kind=test'] }, ['first']],
    [{ hosts: ['server'], tags: ['kind=test'] }, []],
    [{ paths: [utf8('/home/ann/work')] }, ['first', 'third']],
    [{ paths: [utf8('/home/anna')] }, ['third']],
    [{ paths: [utf8('/home')] }, ['third']],
    [{ paths: [utf8('/srv'), utf8('/home/ann')] }, ['first', 'second', 'third']],
    [{ until: 2 }, ['first', 'second']],
    [{ until: 0 }, []],
  ])('%j', (filter, expected) => {
    const found = filterSnapshots(all, { hosts: [], tags: [], paths: [], ...filter });
    expect(found.map(({ body }) => body.label)).toEqual(expected);
  });
});
