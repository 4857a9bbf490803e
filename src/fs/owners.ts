/** Names of users and groups and their numbers, each asked once. */
import { readFileSync } from 'node:fs';
import { loadLibc } from './libc.ts';

/** What names and numbers are looked up in. */
export interface AccountSource {
  userName(uid: number): string | undefined;
  groupName(gid: number): string | undefined;
  userId(name: string): number | undefined;
  groupId(name: string): number | undefined;
}

/**
 * The system's accounts, by NSS (so LDAP and the like count); without bindings, those of the local files only.
 */
export function systemAccounts(): AccountSource {
  return loadLibc() ?? fileAccounts('/etc/passwd', '/etc/group');
}

/** Accounts of files in the form of passwd(5) and group(5); none when a file is missing. */
export function fileAccounts(passwd: string, group: string): AccountSource {
  const users = readAccounts(passwd);
  const groups = readAccounts(group);
  return {
    userName: (uid) => users.names.get(uid),
    groupName: (gid) => groups.names.get(gid),
    userId: (name) => users.ids.get(name),
    groupId: (name) => groups.ids.get(name),
  };
}

/** Remembers every answer, also that there is none, for as long as it lives. */
export function cachedAccounts(source: AccountSource): AccountSource {
  return {
    userName: remember((uid: number) => source.userName(uid)),
    groupName: remember((gid: number) => source.groupName(gid)),
    userId: remember((name: string) => source.userId(name)),
    groupId: remember((name: string) => source.groupId(name)),
  };
}

function remember<K, V>(look: (key: K) => V): (key: K) => V {
  const known = new Map<K, { readonly value: V }>();
  return (key) => {
    const found = known.get(key) ?? { value: look(key) };
    known.set(key, found);
    return found.value;
  };
}

interface AccountFile {
  readonly names: ReadonlyMap<number, string>;
  readonly ids: ReadonlyMap<string, number>;
}

/** The first line of a name, and of a number, counts, as in NSS. */
function readAccounts(path: string): AccountFile {
  const names = new Map<number, string>();
  const ids = new Map<string, number>();
  for (const line of linesOf(path)) {
    const [name, , number] = line.split(':');
    if (name === undefined || number === undefined || !/^\d+$/.test(number)) continue;
    const id = Number(number);
    if (!names.has(id)) names.set(id, name);
    if (!ids.has(name)) ids.set(name, id);
  }
  return { names, ids };
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch {
    return [];
  }
}
