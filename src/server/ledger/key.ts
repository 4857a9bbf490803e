/** The key that signs the ledger of a server: made at the first start, and the same for ever. */
import { link, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { storageError } from '../../backends/local-errors.ts';
import { syncFolder, writeDurably } from '../../backends/local-files.ts';
import { fromHex, toHex } from '../../core/bytes.ts';
import { isNeoError, NeoError, systemCode } from '../../core/errors.ts';
import { hexName, z } from '../../core/schema.ts';

export const LEDGER_KEY = 'ledger.key';

const fileSchema = z.strictObject({ v: z.literal(1), neo: z.literal('ledger-key'), seed: hexName });

/**
 * The seed, 32 bytes.
 * @param mayMake there is no entry that another one has signed
 * @throws NeoError integrity when it is gone or damaged
 */
export async function ledgerSeed(dataRoot: string, mayMake: boolean): Promise<Uint8Array> {
  const path = join(dataRoot, LEDGER_KEY);
  try {
    return (await readSeed(path)) ?? (await makeSeed(dataRoot, path, mayMake));
  } catch (error) {
    throw isNeoError(error) ? error : storageError(error, `open the key of the ledger, ${path}`);
  }
}

async function readSeed(path: string): Promise<Uint8Array | undefined> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return fromHex(fileSchema.parse(JSON.parse(text)).seed);
  } catch (cause) {
    throw lost(`${path} is damaged`, cause);
  }
}

/** Several that start at once end up with the same one. */
async function makeSeed(dataRoot: string, path: string, mayMake: boolean): Promise<Uint8Array> {
  if (!mayMake) throw lost(`${path} is gone`);
  const seed = crypto.getRandomValues(new Uint8Array(32));
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  const text = JSON.stringify({ v: 1, neo: 'ledger-key', seed: toHex(seed) });
  try {
    await writeDurably(temporary, new TextEncoder().encode(`${text}\n`));
    await link(temporary, path);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  await syncFolder(dataRoot);
  const made = await readSeed(path);
  if (made === undefined) throw new NeoError('failed', `${path} was removed as soon as it was made`);
  return made;
}

function lost(message: string, cause?: unknown): NeoError {
  return new NeoError('integrity', message, {
    hint: 'bring it back from a backup of the server: with another key nobody could tell this ledger from a forged one',
    cause,
  });
}
