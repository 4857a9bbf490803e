/**
 * Where this user is logged in: a file for each server and account below `logins/` of the state folder, with the key of this device and the one
 * by which the server is known. Only its owner may read it.
 */
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { NeoHost } from '../backends/neo-location.ts';
import { NeoError, systemCode } from '../core/errors.ts';
import { integer, z } from '../core/schema.ts';
import type { Folders } from './folders.ts';
import { createFile } from './secret-file.ts';

const pem = z.string().check(z.maxLength(10_000));
/** Bytes: more than any login has. */
const ROOM = 4096;

const loginSchema = z.object({
  v: z.literal(1),
  neo: z.literal('login'),
  host: z.string(),
  port: integer(1, 65_535),
  account: z.string(),
  device: z.string(),
  /** `SHA256:` and base64, of the server's key. */
  fingerprint: z.string(),
  /** Of all keys that the server said it has, over a connection whose key was known. */
  keys: z.optional(z.array(z.string())),
  key: pem,
  cert: pem,
});
export type Login = Omit<z.infer<typeof loginSchema>, 'v' | 'neo'>;

/** All of them, by server and account. @throws NeoError integrity for a file that is none */
export async function savedLogins({ state }: Folders): Promise<Login[]> {
  const folder = join(state, 'logins');
  const names = await readdir(folder).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  });
  const found = names.filter((name) => name.endsWith('.json')).sort();
  return Promise.all(found.map((name) => readLogin(join(folder, name))));
}

async function readLogin(path: string): Promise<Login> {
  const text = await readFile(path, 'utf8');
  try {
    const { v: _, neo: __, ...login } = loginSchema.parse(JSON.parse(text));
    return login;
  } catch (cause) {
    throw new NeoError('integrity', `${path} is damaged`, { hint: 'remove it, and log in again', cause });
  }
}

/** Of one server; `account`: only this one. */
export async function loginsAt(folders: Folders, { host, port, account }: NeoHost): Promise<Login[]> {
  const all = await savedLogins(folders);
  return all.filter((each) => each.host === host && each.port === port && (account ?? each.account) === each.account);
}

export interface NewLogin {
  /** Puts it in place, in place of an older one. */
  save(login: Login): Promise<void>;
  /** Of no effect once it was saved. */
  discard(): Promise<void>;
}

/** Room for a login, before the server hears of it: a code that works once is not spent for a full disk. */
export async function prepareLogin(folders: Folders): Promise<NewLogin> {
  const folder = join(folders.state, 'logins');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const kept = join(folder, `${crypto.randomUUID()}.pending`);
  await createFile(kept, new Uint8Array(ROOM));
  return {
    async save(login) {
      const text = `${JSON.stringify({ v: 1, neo: 'login', ...login })}\n`;
      const file = await open(kept, 'r+');
      try {
        await file.writeFile(text);
        await file.truncate(Buffer.byteLength(text));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(kept, pathOf(folders, login));
    },
    discard: () => rm(kept, { force: true }),
  };
}

/**
 * The server has said which keys it has: those are known from now on, and no others.
 * @param told as people see them; at least one
 */
export async function rememberKeys(folders: Folders, login: Login, told: readonly string[]): Promise<void> {
  const there = await readLogin(pathOf(folders, login));
  // Meanwhile somebody may have logged in anew.
  if (there.device !== login.device) return;
  const [first = there.fingerprint] = told;
  const fingerprint = told.includes(there.fingerprint) ? there.fingerprint : first;
  if (
    fingerprint === there.fingerprint &&
    [...(there.keys ?? [fingerprint])].sort().join() === [...told].sort().join()
  ) {
    return;
  }
  const changed = await prepareLogin(folders);
  try {
    await changed.save({ ...there, fingerprint, keys: [...told] });
  } finally {
    await changed.discard();
  }
}

export async function removeLogin(folders: Folders, login: Login): Promise<void> {
  await rm(pathOf(folders, login), { force: true });
}

function pathOf({ state }: Folders, { host, port, account }: Login): string {
  return join(state, 'logins', `${host.replaceAll(':', '_')}_${port}_${account}.json`);
}
