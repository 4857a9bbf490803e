/** Whose objects lie at a place: nothing is copied into another repository, nor among other files. */
import type { Backend } from '../../backends/backend.ts';
import { equalBytes } from '../../core/bytes.ts';
import { isNeoError, NeoError } from '../../core/errors.ts';
import { HEADER_LENGTH, MAGIC } from '../../repo/header.ts';

/** The first configuration of a repository is the only one that no other repository has. */
const FIRST_CONFIG = /^config\/0-[0-9a-f]{64}$/;
/** Where in the header the repository's id begins (docs/format.md, §2). */
const ID_AT = 8;

/** Paths of the first configurations; undefined where the place itself is yet to be made. */
export async function firstConfigs(backend: Backend): Promise<ReadonlySet<string> | undefined> {
  const found = new Set<string>();
  try {
    for await (const { path } of backend.list('config')) if (FIRST_CONFIG.test(path)) found.add(path);
    return found;
  } catch (error) {
    if (isNeoError(error, 'no-repository')) return undefined;
    throw error;
  }
}

/** @throws NeoError no-repository */
export async function configsToReplicate(from: Backend): Promise<ReadonlySet<string>> {
  const own = await firstConfigs(from);
  if (own !== undefined && own.size > 0) return own;
  throw new NeoError('no-repository', `no repository at ${from.location}`, {
    hint: 'a replica that broke off is none yet: name the storage that it came from',
  });
}

/** @throws NeoError already-exists unless one of the first configurations there is also here */
export function refuseOther(own: ReadonlySet<string>, there: ReadonlySet<string>, location: string): void {
  if (there.size > 0 && ![...own].some((path) => there.has(path))) throw isOther(location);
}

/**
 * Of a place without a configuration: there may be objects of a replica that is not whole yet.
 * @returns whether there are any
 * @throws NeoError already-exists for those of another repository; failed for other files
 */
export async function isOurs(from: Backend, own: ReadonlySet<string>, to: Backend): Promise<boolean> {
  for await (const { path, size } of to.list('')) {
    const header = size < HEADER_LENGTH ? undefined : await headerOf(to, path);
    if (header === undefined || !equalBytes(header.subarray(0, MAGIC.length), MAGIC)) throw otherFiles(to, path);
    for (const config of own) {
      const ours = await headerOf(from, config);
      if (ours !== undefined && equalBytes(ours.subarray(ID_AT), header.subarray(ID_AT))) return true;
    }
    throw isOther(to.location);
  }
  return false;
}

export function otherFiles({ location }: Backend, name: string): NeoError {
  return new NeoError('failed', `${location} holds other files, such as ${JSON.stringify(name)}`, {
    hint: 'nothing was changed; name a new or an empty folder, such as one below it',
  });
}

function headerOf(backend: Backend, path: string): Promise<Uint8Array | undefined> {
  return backend.getRange(path, { offset: 0, length: HEADER_LENGTH });
}

function isOther(location: string): NeoError {
  return new NeoError('already-exists', `another repository is at ${location}`, {
    hint: 'nothing was changed; to bring snapshots into another repository: neo copy',
  });
}
