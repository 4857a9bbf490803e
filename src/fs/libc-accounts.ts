/** Names of users and groups from the C library (NSS, so LDAP and the like count). */
import { Buffer } from 'node:buffer';
import { constants } from 'node:os';
import type { Libc } from './libc.ts';
import { cString, type Koffi, type Native } from './libc-call.ts';

const { ERANGE } = constants.errno;

type Accounts = 'userName' | 'groupName' | 'userId' | 'groupId';

interface Account {
  readonly name: string | undefined;
  readonly id: number;
}

/** `struct passwd` and `struct group` begin alike on all 64-bit Linux: name, password (pointers), then the id. */
export function bindAccounts(koffi: Koffi, native: (signature: string) => Native): Pick<Libc, Accounts> {
  const tail = 'void *entry, void *text, size_t size, void *found)';
  const getpwuid = native(`int getpwuid_r(uint32_t uid, ${tail}`);
  const getgrgid = native(`int getgrgid_r(uint32_t gid, ${tail}`);
  const getpwnam = native(`int getpwnam_r(const void *name, ${tail}`);
  const getgrnam = native(`int getgrnam_r(const void *name, ${tail}`);
  const little = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
  const ask = (call: Native, key: number | Uint8Array, size: number): Account | 'more room' | undefined => {
    const entry = Buffer.alloc(64);
    const text = Buffer.alloc(size);
    const found = Buffer.alloc(8);
    const result = call(key, entry, text, size, found);
    if (result === ERANGE) return 'more room';
    if (result !== 0 || found.every((byte) => byte === 0)) return undefined;
    const words = new DataView(entry.buffer, entry.byteOffset);
    const at = Number(words.getBigUint64(0, little) - koffi.address(text));
    const name = at >= 0 && at < size ? text.subarray(at, text.indexOf(0, at)).toString() : undefined;
    return { name, id: words.getUint32(16, little) };
  };
  const lookUp = (call: Native, key: number | Uint8Array): Account | undefined => {
    // A group of thousands of members needs much room.
    for (let size = 4096; size <= 1 << 24; size *= 4) {
      const account = ask(call, key, size);
      if (account !== 'more room') return account;
    }
    return undefined;
  };
  const byName = (call: Native, name: string): number | undefined => {
    const text = cString(Buffer.from(name));
    return text === undefined ? undefined : lookUp(call, text)?.id;
  };
  return {
    userName: (uid) => lookUp(getpwuid, uid)?.name,
    groupName: (gid) => lookUp(getgrgid, gid)?.name,
    userId: (name) => byName(getpwnam, name),
    groupId: (name) => byName(getgrnam, name),
  };
}
