/** Ceph's S3 gateway on loopback, whose data is in memory and thrown away. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';
import { startTied } from './tied-server.ts';

export interface Radosgw {
  readonly endpoint: string;
  /** What lets one in. */
  readonly env: { readonly AWS_ACCESS_KEY_ID: string; readonly AWS_SECRET_ACCESS_KEY: string };
  /** Keys of a role for an hour, as Amazon's machines get them. */
  readonly temporaryKeys: () => Promise<TemporaryKeys>;
  readonly stop: () => Promise<void>;
}

export interface TemporaryKeys {
  readonly AWS_ACCESS_KEY_ID: string;
  readonly AWS_SECRET_ACCESS_KEY: string;
  readonly AWS_SESSION_TOKEN: string;
}

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL('./radosgw.sh', import.meta.url));
const KEYS = { AWS_ACCESS_KEY_ID: 'neotest', AWS_SECRET_ACCESS_KEY: 'neotestsecret' };

export function radosgwIsThere(): boolean {
  const programs = ['curl', 'radosgw', 'radosgw-admin', 'ceph-mon', 'ceph-osd', 'ceph', 'monmaptool'];
  return programs.every((program) => spawnSync('which', [program]).status === 0);
}

export async function startRadosgw(): Promise<Radosgw> {
  const folder = mkdtempSync(join(tmpdir(), 'neo-radosgw-'));
  const ports = await Promise.all([freePort(), freePort(), freePort()]);
  const args = [folder, ...ports.map(String), KEYS.AWS_ACCESS_KEY_ID, KEYS.AWS_SECRET_ACCESS_KEY];
  const end = await startTied(SCRIPT, args);
  const stop = async (): Promise<void> => {
    await end();
    rmSync(folder, { recursive: true, force: true });
  };
  const endpoint = `http://127.0.0.1:${ports[0]}`;
  return { endpoint, env: KEYS, temporaryKeys: () => assumeRole(folder, endpoint), stop };
}

const MAY_ASSUME = { Principal: { AWS: ['arn:aws:iam:::user/neo'] }, Action: ['sts:AssumeRole'] };
const MAY_DO = { Action: ['s3:*'], Resource: 'arn:aws:s3:::*' };

async function assumeRole(folder: string, endpoint: string): Promise<TemporaryKeys> {
  const policy = (statement: object): string =>
    JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...statement }] });
  const admin = ['-c', join(folder, 'ceph.conf'), '-n', 'client.rgw', '--role-name=backup'];
  await run('radosgw-admin', ['role', 'create', `--assume-role-policy-doc=${policy(MAY_ASSUME)}`, ...admin]);
  const allow = ['--policy-name=all', `--policy-doc=${policy(MAY_DO)}`];
  await run('radosgw-admin', ['role-policy', 'put', ...allow, ...admin]);
  const asked = 'Action=AssumeRole&RoleArn=arn:aws:iam:::role/backup&RoleSessionName=session&Version=2011-06-15';
  const user = `${KEYS.AWS_ACCESS_KEY_ID}:${KEYS.AWS_SECRET_ACCESS_KEY}`;
  const { stdout } = await run('curl', [
    ...['--silent', '--aws-sigv4', 'aws:amz:us-east-1:sts', '--user', user, '--data', asked, endpoint],
  ]);
  const [AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '', AWS_SESSION_TOKEN = ''] = [
    'AccessKeyId',
    'SecretAccessKey',
    'SessionToken',
  ].map((name) => new RegExp(`<${name}>(.*)</${name}>`).exec(stdout)?.[1]);
  return { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN };
}
