/** What tests of `neo serve` as a program need beside the program: its administrator, and requests as curl sends them. */
import { mkdir, writeFile } from 'node:fs/promises';
import https from 'node:https';
import { join } from 'node:path';
import { openNeo } from '../../src/backends/neo.ts';
import { ControlClient, type Trust } from '../../src/backends/neo-control.ts';
import { parseFingerprint } from '../../src/cli/server-trust.ts';
import { makeDeviceCertificate, makeDeviceKey } from '../../src/engine/device-certificate.ts';
import { temporary } from '../house/run.ts';
import type { NeoServe } from './neo-serve.ts';

export interface Reply {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

/** Over HTTP/1.1, with whatever certificate the server has. */
export function get(
  port: number,
  path: string,
  options: { readonly token?: string; readonly device?: Trust['device'] } = {},
): Promise<Reply> {
  const headers = options.token === undefined ? {} : { authorization: `Bearer ${options.token}` };
  return new Promise((resolve, reject) => {
    const request = https.get(
      { host: '127.0.0.1', port, path, headers, agent: false, rejectUnauthorized: false, ...options.device },
      (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => {
          body += chunk.toString();
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
      },
    );
    request.on('error', reject);
  });
}

export interface Device {
  readonly trust: Trust & { readonly device: NonNullable<Trust['device']> };
  readonly control: ControlClient;
}

export function newDevice({ port, fingerprint }: Pick<NeoServe, 'port' | 'fingerprint'>): Device {
  const key = makeDeviceKey();
  const device = { key, cert: makeDeviceCertificate(key, Date.now()) };
  const trust = { fingerprint: parseFingerprint(fingerprint), device };
  return { trust, control: new ControlClient({ host: '127.0.0.1', port }, trust) };
}

/** One device, let in by a code. */
export async function enrol(server: NeoServe, code: string = server.adminCode): Promise<Device> {
  const device = newDevice(server);
  await device.control.call('enrol', { code, device: 'laptop' });
  return device;
}

export function objectsIn(server: Pick<NeoServe, 'port'>, { trust }: Device, target: string) {
  return openNeo({ host: '127.0.0.1', port: server.port, target }, { trust });
}

/** A data folder of its owner's with this configuration. */
export async function dataRootWith(toml: string): Promise<string> {
  const folder = join(await temporary('data'), 'root');
  await mkdir(folder, { mode: 0o700 });
  await writeFile(join(folder, 'server.toml'), toml);
  return folder;
}

export type Entry = Readonly<Record<string, unknown>> & { readonly event: string };

/** The lines of a log. */
export function entries(text: string): Entry[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Entry);
}

/** Waits until it is so, for five seconds. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 250; tries++) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('it did not come to that');
}
