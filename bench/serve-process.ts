/** `neo serve` as people run it, with one account; and whoever is let in there. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ControlClient, type Trust } from '../src/backends/neo-control.ts';
import { parseFingerprint } from '../src/cli/server-trust.ts';
import { makeDeviceCertificate, makeDeviceKey } from '../src/engine/device-certificate.ts';
import type { Role } from '../src/protocol/control.ts';
import { end, keep } from './children.ts';
import { LAUNCHER } from './remote-operations.ts';

interface Listening {
  readonly port: number;
  readonly fingerprint: string;
  readonly adminCode: string;
}

const HOST = '127.0.0.1';

export class ServeProcess {
  readonly pid: number;
  readonly port: number;
  /** As `neo login` takes it. */
  readonly shownFingerprint: string;
  readonly adminCode: string;
  /** Lines of its standard error. */
  readonly said: readonly string[];
  readonly #child: ChildProcess;
  #admin: ControlClient | undefined;

  private constructor(child: ChildProcess, { port, fingerprint, adminCode }: Listening, said: readonly string[]) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    this.port = port;
    this.shownFingerprint = fingerprint;
    this.adminCode = adminCode;
    this.said = said;
  }

  /** Its data and its home lie below `place`. @throws Error with what it said when it does not start */
  static async start(place: string): Promise<ServeProcess> {
    const home = join(place, 'serve-home');
    mkdirSync(home, { recursive: true });
    const args = [LAUNCHER, 'serve', '--listen', `${HOST}:0`, '--json', '--data-root', join(place, 'serve-data')];
    const env = { PATH: process.env['PATH'], LANG: 'C.UTF-8', HOME: home };
    const child = keep(spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] }));
    const said: string[] = [];
    createInterface(child.stderr).on('line', (line) => said.push(line));
    const lines = createInterface(child.stdout);
    const first = await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve);
      child.once('error', reject);
      child.once('exit', () => reject(new Error(`neo serve ended: ${said.join('\n')}`)));
    });
    return new ServeProcess(child, JSON.parse(first) as Listening, said);
  }

  get fingerprint(): Uint8Array {
    return parseFingerprint(this.shownFingerprint);
  }

  /** The first administrator, with a device of its own; takes the code, which `neo login` then cannot have any more. */
  async admin(): Promise<ControlClient> {
    if (this.#admin !== undefined) return this.#admin;
    const client = new ControlClient({ host: HOST, port: this.port }, this.#newDevice());
    await client.call('enrol', { code: this.adminCode, device: 'bench' });
    this.#admin = client;
    return client;
  }

  /** So many devices of the account, each with a key of its own. */
  async devices(count: number, role: Role = 'append'): Promise<Trust[]> {
    const admin = await this.admin();
    const trusts: Trust[] = [];
    for (let n = 0; n < count; n++) {
      const { code } = await admin.call('device-invite', { role });
      const trust = this.#newDevice();
      const client = new ControlClient({ host: HOST, port: this.port }, trust);
      await client.call('enrol', { code, device: `bench-${n}` });
      await client.close();
      trusts.push(trust);
    }
    return trusts;
  }

  async tokens(count: number, role: Role = 'append'): Promise<Trust[]> {
    const admin = await this.admin();
    const trusts: Trust[] = [];
    for (let n = 0; n < count; n++) {
      const { token } = await admin.call('token-create', { name: `bench-${n}`, role });
      trusts.push({ fingerprint: this.fingerprint, token });
    }
    return trusts;
  }

  async targets(names: readonly string[]): Promise<void> {
    const admin = await this.admin();
    for (const name of names) await admin.call('target-create', { name });
  }

  /** What went wrong there, as it said itself. */
  get faults(): string[] {
    return this.said.filter((line) => /\bfault\b/.test(line));
  }

  #newDevice(): Trust & Required<Pick<Trust, 'device'>> {
    const key = makeDeviceKey();
    return { fingerprint: this.fingerprint, device: { key, cert: makeDeviceCertificate(key, Date.now()) } };
  }

  async stop(): Promise<void> {
    await this.#admin?.close();
    await end(this.#child);
  }
}
