/** How functions of the C library are called through koffi. */
import { Buffer } from 'node:buffer';
import { constants } from 'node:os';

export type Koffi = typeof import('koffi');

const { ENOSYS } = constants.errno;

/** A variadic argument is preceded by its type's name. */
export type Native = (...args: readonly (number | bigint | string | Uint8Array)[]) => number;

/** Functions that give ≥ 0 or −errno; a symbol that this C library lacks always gives −ENOSYS. */
export function binder(koffi: Koffi): (signature: string) => Native {
  const library = koffi.load(null);
  return (signature) => {
    try {
      const native = library.func(signature);
      return (...args) => {
        const result: number = native(...args);
        return result < 0 ? -koffi.errno() : result;
      };
    } catch {
      return () => -ENOSYS;
    }
  };
}

/** NUL-terminated copy, or undefined when there is a NUL inside. */
export function cString(bytes: Uint8Array): Buffer | undefined {
  if (bytes.includes(0)) return undefined;
  const text = Buffer.allocUnsafe(bytes.length + 1);
  text.set(bytes);
  text[bytes.length] = 0;
  return text;
}
