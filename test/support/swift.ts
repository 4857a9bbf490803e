/** OpenStack's Swift on loopback, as an S3 store that knows no conditional writes (501). Its data is thrown away. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';
import { startTied } from './tied-server.ts';

export interface Swift {
  readonly endpoint: string;
  /** What lets one in. */
  readonly env: { readonly AWS_ACCESS_KEY_ID: string; readonly AWS_SECRET_ACCESS_KEY: string };
  readonly stop: () => Promise<void>;
}

const SCRIPT = fileURLToPath(new URL('./swift.sh', import.meta.url));
const USER = 'neotest';
const SECRET = 'neotestsecret';

export function swiftIsThere(): boolean {
  const found = spawnSync('/usr/bin/python3', ['-c', 'import swift.proxy, swift.account, swift.container, swift.obj']);
  return found.status === 0 && spawnSync('which', ['swift-ring-builder', 'curl']).status === 0;
}

export async function startSwift(): Promise<Swift> {
  const folder = mkdtempSync(join(tmpdir(), 'neo-swift-'));
  const ports = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const end = await startTied(SCRIPT, [folder, ...ports.map(String), USER, SECRET]);
  return {
    endpoint: `http://127.0.0.1:${ports[0]}`,
    env: { AWS_ACCESS_KEY_ID: `neo:${USER}`, AWS_SECRET_ACCESS_KEY: SECRET },
    async stop() {
      await end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
