/** The folder of all that a server has. */
import { mkdir } from 'node:fs/promises';
import { storageError } from '../backends/local-errors.ts';
import { systemCode } from '../core/errors.ts';

const OF_OWNER = 0o700;

/** Made where there is none, also what is missing above it. @throws NeoError of the disk */
export async function makeDataRoot(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: OF_OWNER }).catch(async (error: unknown) => {
      if (systemCode(error) !== 'ENOENT') throw error;
      // What Node says of a disk that is read-only; the plain way says what it is.
      await mkdir(path, { mode: OF_OWNER });
    });
  } catch (error) {
    throw storageError(error, `make ${path}`);
  }
}
