/** Files that hold secrets: made for their owner alone, whole and durable, and never in place of another file. */
import { open, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf, NeoError, systemCode } from '../core/errors.ts';

/** More is no recovery key. */
const LONGEST = 65_536;

/**
 * Writes a new file of mode 0600, runs `publish`, and takes the file away again if that fails.
 * @throws NeoError already-exists when there is something of that name, also a dangling link
 */
export async function withSecretFile(path: string, bytes: Uint8Array, publish: () => Promise<void>): Promise<void> {
  await createFile(path, bytes);
  try {
    await publish();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

/** @throws NeoError already-exists */
export async function createFile(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600).catch((cause: unknown) => {
    if (systemCode(cause) !== 'EEXIST')
      throw new NeoError('failed', `cannot write ${path}: ${messageOf(cause)}`, { cause });
    throw new NeoError('already-exists', `${path} exists already`, {
      hint: 'nothing was changed; choose another name',
      cause,
    });
  });
  try {
    // The umask may have taken away more than the group's and others' bits.
    await file.chmod(0o600);
    await file.writeFile(bytes);
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  await syncFolder(dirname(path));
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } catch (error) {
    // Not every system and file system can.
    if (systemCode(error) !== 'EINVAL' && systemCode(error) !== 'EPERM') throw error;
  } finally {
    await folder.close();
  }
}

/** A recovery key as typed or kept in a file; undefined or `-` reads standard input to its end. */
export async function readPaper(path: string | undefined): Promise<Uint8Array> {
  if (path === undefined || path === '-') return readInput();
  try {
    return await readFile(path);
  } catch (cause) {
    throw new NeoError('wrong-password', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  }
}

async function readInput(): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin) {
    chunks.push(Buffer.from(chunk));
    length += chunk.length;
    if (length > LONGEST) throw new NeoError('wrong-password', 'standard input is no recovery key');
  }
  return Buffer.concat(chunks);
}
