/** An object of a local disk that is open for reading. */
import type { OpenObject } from './backend.ts';
import { storageError } from './local-errors.ts';
import { type OpenFile, readFullyInto } from './local-files.ts';
import { checkRange } from './path.ts';

export function openedObject(path: string, { handle, size }: OpenFile): OpenObject {
  return {
    size,
    async readInto(offset, target) {
      try {
        const filled = await readFullyInto(handle, offset, target);
        checkRange(path, offset + filled, { offset, length: target.length });
      } catch (error) {
        throw storageError(error, `read ${path}`);
      }
    },
    close: () => handle.close(),
  };
}
