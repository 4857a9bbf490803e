/**
 * The keys that a server made after its first one: a file each in `keys/` of the data folder, with all that is known of it. So each change is
 * one rename or one removal, and a crash leaves what was before or what is after.
 */
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder, writeDurably } from '../backends/local-files.ts';
import { toHex } from '../core/bytes.ts';
import { NeoError, systemCode } from '../core/errors.ts';
import { moment, z } from '../core/schema.ts';
import type { Endorsement } from '../engine/server-lineage.ts';
import { fromWire, KEY_STATES, type KeyState, lineageSchema, toWire } from '../protocol/server-keys.ts';

export const KEY_FOLDER = 'keys';
/** Of the fingerprint. */
const NAME = /^[0-9a-f]{32}\.json$/;
const pem = z.string().check(z.maxLength(10_000));

const fileSchema = z.strictObject({
  v: z.literal(1),
  neo: z.literal('server-key'),
  state: z.enum(KEY_STATES),
  created: moment,
  lineage: lineageSchema,
  key: pem,
  cert: pem,
});

export interface KeyFile {
  readonly state: KeyState;
  readonly created: number;
  readonly lineage: readonly Endorsement[];
  /** PEM. */
  readonly key: string;
  readonly cert: string;
}

/** Below the data folder. */
export function keyFileName(fingerprint: Uint8Array): string {
  return join(KEY_FOLDER, `${toHex(fingerprint.subarray(0, 16))}.json`);
}

/** Names below the data folder, of all that there are. */
export async function keyFileNames(dataRoot: string): Promise<string[]> {
  const found = await namesIn(dataRoot);
  return found
    .filter((name) => NAME.test(name))
    .sort()
    .map((name) => join(KEY_FOLDER, name));
}

async function namesIn(dataRoot: string): Promise<string[]> {
  return readdir(join(dataRoot, KEY_FOLDER)).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  });
}

/** All, and what a crash has left half-written is taken away. @throws NeoError integrity for one that is damaged */
export async function readKeyFiles(dataRoot: string): Promise<KeyFile[]> {
  const all = await namesIn(dataRoot);
  for (const name of all) if (name.endsWith('.tmp')) await rm(join(dataRoot, KEY_FOLDER, name), { force: true });
  const names = await keyFileNames(dataRoot);
  return Promise.all(names.map((name) => readKeyFile(join(dataRoot, name))));
}

async function readKeyFile(path: string): Promise<KeyFile> {
  const text = await readFile(path, 'utf8');
  try {
    const { lineage, ...file } = fileSchema.parse(JSON.parse(text));
    return { ...file, lineage: fromWire(lineage) };
  } catch (cause) {
    throw new NeoError('integrity', `${path} is damaged`, {
      hint: 'bring it back from a copy; without it clients that know this key alone do not know this server',
      cause,
    });
  }
}

/** Durably, in place of what was known of it before. */
export async function writeKeyFile(dataRoot: string, fingerprint: Uint8Array, file: KeyFile): Promise<void> {
  const folder = join(dataRoot, KEY_FOLDER);
  const made = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (made !== undefined) await syncFolder(dataRoot);
  const path = join(dataRoot, keyFileName(fingerprint));
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  const { state, created, key, cert } = file;
  const lineage = toWire(file.lineage);
  const text = JSON.stringify({ v: 1, neo: 'server-key', state, created, lineage, key, cert });
  try {
    await writeDurably(temporary, new TextEncoder().encode(`${text}\n`));
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  await syncFolder(folder);
}

export async function removeKeyFile(dataRoot: string, fingerprint: Uint8Array): Promise<void> {
  await rm(join(dataRoot, keyFileName(fingerprint)), { force: true });
  await syncFolder(join(dataRoot, KEY_FOLDER));
}
