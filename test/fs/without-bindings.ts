/** What src/fs does where koffi does not load: `node --import ./hide-koffi.ts without-bindings.ts DIRECTORY`. */
import { fsCapabilities } from '../../src/fs/capabilities.ts';
import { systemAccounts } from '../../src/fs/owners.ts';
import { pathOf } from '../../src/fs/path.ts';
import { openSource } from '../../src/fs/source-file.ts';
import { dataExtents } from '../../src/fs/sparse.ts';
import { walk } from '../../src/fs/walk.ts';
import { readXattrs } from '../../src/fs/xattr.ts';

const entries: object[] = [];
for (const event of walk(pathOf(process.argv[2] ?? '.'))) {
  if (event.kind !== 'entry' || event.stat.type !== 'file') continue;
  const { attributes, problems } = readXattrs(event.access);
  const source = openSource(event.path, event.stat);
  entries.push({
    name: Buffer.from(event.name).toString('hex'),
    attributes: attributes.map(({ name, value }) => [Buffer.from(name).toString(), Buffer.from(value).toString()]),
    problems: problems.map(({ code }) => code),
    extents: source === 'changed' ? source : (dataExtents(source.fd, source.stat) ?? 'unknown'),
  });
}
const missing = fsCapabilities()
  .filter(({ available }) => !available)
  .map(({ name }) => name);
process.stdout.write(JSON.stringify({ entries, missing, root: systemAccounts().userName(0) }));
