/**
 * What this user knows of servers' ledgers: a file for each server below `ledgers/` of the state folder. By the place where the server is, for
 * its other names are told by the server itself.
 */
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '../backends/local-files.ts';
import type { NeoHost } from '../backends/neo-location.ts';
import { NeoError, systemCode } from '../core/errors.ts';
import { hexName, integer, z } from '../core/schema.ts';
import type { KnownLedger } from '../protocol/ledger-check.ts';
import type { Folders } from './folders.ts';

const fileSchema = z.strictObject({
  v: z.literal(1),
  neo: z.literal('known-ledger'),
  site: z.string(),
  key: hexName,
  size: integer(0),
  root: hexName,
});

/** @throws NeoError integrity for a file that is damaged */
export async function knownLedger(folders: Folders, host: NeoHost): Promise<KnownLedger | undefined> {
  return readKnown(pathOf(folders, host));
}

/** Of a server that is known by another way. */
export async function knownLedgerOf({ state }: Folders, site: string): Promise<KnownLedger | undefined> {
  const folder = join(state, 'ledgers');
  const names = await readdir(folder).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  });
  const all = await Promise.all(
    names.filter((name) => name.endsWith('.json')).map((name) => readKnown(join(folder, name))),
  );
  return all.find((known) => known?.site === site);
}

async function readKnown(path: string): Promise<KnownLedger | undefined> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    const { v: _, neo: __, ...known } = fileSchema.parse(JSON.parse(text));
    return known;
  } catch (cause) {
    throw new NeoError('integrity', `${path} is damaged`, {
      hint: 'remove it; what was known of the ledger is lost then',
      cause,
    });
  }
}

/** Only for what was verified. */
export async function rememberLedger(folders: Folders, host: NeoHost, known: KnownLedger): Promise<void> {
  const path = pathOf(folders, host);
  await mkdir(join(folders.state, 'ledgers'), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  const text = JSON.stringify({ v: 1, neo: 'known-ledger', ...known });
  try {
    await writeDurably(temporary, new TextEncoder().encode(`${text}\n`));
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

function pathOf({ state }: Folders, { host, port }: NeoHost): string {
  return join(state, 'ledgers', `${host.replaceAll(':', '_')}_${port}.json`);
}
