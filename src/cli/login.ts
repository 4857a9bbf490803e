/** How this device gets in at a server: whose key it is, who lets it in, and what is kept of it. */
import { askFingerprint, ControlClient, showFingerprint, type Trust } from '../backends/neo-control.ts';
import { type NeoHost, parseNeoHost, showNeoHost } from '../backends/neo-location.ts';
import { fromHex, toHex } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { ControlAnswer } from '../protocol/control.ts';
import { fromWire } from '../protocol/server-keys.ts';
import { askLine, isAtTerminal } from './confirm.ts';
import type { Environment, Folders } from './folders.ts';
import { type Login, loginsAt, prepareLogin } from './logins.ts';
import type { Output } from './output.ts';
import { readAccountSecret } from './password.ts';
import { isKnown, keysOf, parseFingerprints, pinned } from './server-trust.ts';
import { systemSurroundings } from './surroundings.ts';

export interface LoginRequest {
  /** `neo://[account@]host[:port]` */
  readonly server: string;
  readonly code?: string | undefined;
  readonly account?: string | undefined;
  readonly fingerprint?: string | undefined;
  readonly second?: string | undefined;
  readonly device: string;
}

interface Means {
  readonly folders: Folders;
  readonly env: Environment;
  readonly out: Output;
  readonly signal: AbortSignal;
}

type Identity = ControlAnswer<'enrol'>;

export interface LoggedIn extends Identity {
  readonly server: string;
  readonly fingerprint: string;
}

/** @throws NeoError usage, permission-denied; unreachable, also when the server has another key than it had */
export async function logIn(request: LoginRequest, means: Means): Promise<LoggedIn> {
  const host = parseNeoHost(request.server);
  if (request.account !== undefined && host.account !== undefined && request.account !== host.account) {
    throw new NeoError('usage', 'the location and --account name two accounts');
  }
  const account = request.account ?? host.account;
  const { fingerprint } = await pinned(host, await serverKeys(host, request.fingerprint, means));
  const { makeDeviceCertificate, makeDeviceKey } = await import('../engine/device-certificate.ts');
  const key = makeDeviceKey();
  const cert = makeDeviceCertificate(key, Date.now());
  const client = new ControlClient(host, { fingerprint, device: { key, cert } });
  const prepared = await prepareLogin(means.folders);
  try {
    const identity =
      request.code === undefined
        ? await bySecret(client, fingerprint, account, request, means)
        : await client.call('enrol', {
            code: request.code,
            device: request.device,
            ...(account === undefined ? {} : { account }),
          });
    const shown = showFingerprint(fingerprint);
    const { host: name, port } = host;
    const before = await loginsAt(means.folders, { host: name, port, account: identity.account });
    const { account: known, device } = identity;
    // What cannot be learned now is learned with the next command.
    const { keys = [] } = await client.hello().catch(() => ({ keys: [] }));
    await prepared.save({
      ...{ host: name, port, account: known, device, fingerprint: shown, key, cert },
      ...(keys.includes(shown) ? { keys } : {}),
    });
    await retire(client, before, fingerprint);
    return { ...identity, server: showNeoHost({ host: name, port }), fingerprint: shown };
  } finally {
    await prepared.discard();
    await client.close();
  }
}

/** The key that this device had before is of no use any more; that it cannot be revoked must not spoil the login. */
async function retire(client: ControlClient, before: readonly Login[], fingerprint: Uint8Array): Promise<void> {
  for (const login of before) {
    if (!isKnown(keysOf(login), fingerprint)) continue;
    await client.call('device-revoke', { id: login.device }).catch(() => undefined);
  }
}

/**
 * The keys that the server may have: as it was given, as it was at an earlier login, or as somebody at a terminal says. Never just the one
 * that it shows.
 */
async function serverKeys(
  host: NeoHost,
  given: string | undefined,
  { folders, env, out, signal }: Means,
): Promise<Pick<Trust, 'fingerprint' | 'others'>> {
  const named = given ?? (env['NEO_FINGERPRINT'] || undefined);
  if (named !== undefined) return parseFingerprints(named);
  const [known] = await loginsAt(folders, { host: host.host, port: host.port });
  if (known !== undefined) return keysOf(known);
  const found = await askFingerprint(host.host, host.port);
  const question = `The server ${showNeoHost(host)} has the key ${showFingerprint(found)}`;
  if (!isAtTerminal()) {
    throw new NeoError('usage', 'the server is not known yet, and there is no terminal to ask at', {
      hint: '--fingerprint SHA256:…, which neo serve says at its start',
    });
  }
  out.note(question);
  if ((await askLine('Is that what neo serve said at its start? [yes/no] ', signal)) === 'yes')
    return { fingerprint: found };
  throw new NeoError('permission-denied', 'nothing was sent: the server is another one');
}

async function bySecret(
  client: ControlClient,
  fingerprint: Uint8Array,
  named: string | undefined,
  { device, second }: LoginRequest,
  { env, out, signal }: Means,
): Promise<Identity> {
  const isTerminal = isAtTerminal();
  const account = named ?? (isTerminal ? await askLine('Account: ', signal) : undefined);
  if (account === undefined) {
    throw new NeoError('usage', 'neither a code nor an account is given', { hint: '--code CODE, or --account NAME' });
  }
  const secret = await readAccountSecret({ env, warn: (message) => out.warn(message), signal });
  const { kdf, lineage = [] } = await client.call('login-start', { account });
  const [{ deriveLogin }, { originOf }, { engine }] = await Promise.all([
    import('../engine/login-secret.ts'),
    import('../engine/server-lineage.ts'),
    systemSurroundings(env),
  ]);
  const server = originOf(fromWire(lineage), fingerprint);
  const { proof } = await deriveLogin(engine, secret, { ...kdf, salt: fromHex(kdf.salt) }, server);
  const request = { account, proof: toHex(proof), device };
  const first = await client.call('login', { ...request, ...(second === undefined ? {} : { second }) });
  if (!('needsSecondFactor' in first)) return first;
  if (second !== undefined || !isTerminal) {
    throw new NeoError('permission-denied', 'the account has a second factor', { hint: '--second CODE' });
  }
  const answer = await client.call('login', {
    ...request,
    second: await askLine('Code of the second factor: ', signal),
  });
  if (!('needsSecondFactor' in answer)) return answer;
  throw new NeoError('failed', 'the server asks for the second factor again');
}
