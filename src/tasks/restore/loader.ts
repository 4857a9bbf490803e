/** Trees, lists and metadata out of the repository, with damage and malice told apart. */
import { isNeoError, messageOf, NeoError } from '../../core/errors.ts';
import { isCrafted } from '../../engine/aead.ts';
import type { LoadBlob } from '../../snapshot/tree.ts';

/**
 * Damage of a blob costs what hangs on it (`failed`: named, the rest goes on); a blob that was sealed to do harm, or a
 * tree that says what no tree can, ends the restore (`integrity`).
 */
export function lenient(load: LoadBlob): LoadBlob {
  return async (kind, key) => {
    try {
      return await load(kind, key);
    } catch (error) {
      if (!isNeoError(error, 'integrity')) throw error;
      if (isCrafted(error)) throw hostile(messageOf(error), error);
      throw new NeoError('failed', messageOf(error), { cause: error });
    }
  };
}

export function hostile(what: string, cause?: unknown): NeoError {
  return new NeoError('integrity', `this snapshot is not safe to restore: ${what}`, {
    hint: 'nothing was written outside of the target; see: neo check --read-data',
    ...(cause === undefined ? {} : { cause }),
  });
}
