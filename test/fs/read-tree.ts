/** Reads a whole tree as a snapshot does, for strace(1) to watch: `node read-tree.ts DIRECTORY`. */
import { IgnoreRules } from '../../src/fs/ignore-rules.ts';
import { pathOf } from '../../src/fs/path.ts';
import { openSource } from '../../src/fs/source-file.ts';
import { dataExtents } from '../../src/fs/sparse.ts';
import { walk } from '../../src/fs/walk.ts';
import { ignoreFilter } from '../../src/fs/walk-filter.ts';
import { readXattrs, readXattrsOf } from '../../src/fs/xattr.ts';

const root = pathOf(process.argv[2] ?? '.');
const filter = ignoreFilter(new IgnoreRules(), root, () => undefined);
const buffer = Buffer.alloc(1 << 20);
for (const event of walk(root, { filter })) {
  if (event.kind === 'enter' && event.fd !== undefined) readXattrsOf(event.fd);
  if (event.kind !== 'entry') continue;
  readXattrs(event.access);
  if (event.stat.type !== 'file') continue;
  const source = openSource(event.path, event.stat);
  if (source === 'changed') continue;
  for (const { offset } of dataExtents(source.fd, source.stat) ?? []) source.read(buffer, offset);
  source.finish();
}
