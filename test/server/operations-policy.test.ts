/** A server that demands second factors, and one in development. */
import { readFileSync } from 'node:fs';
import { TOTP } from 'otpauth';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONTROL, type ControlVerb } from '../../src/protocol/control.ts';
import { neo } from '../house/run.ts';
import { type NeoServe, startNeoServe } from '../support/neo-serve.ts';
import { type Device, dataRootWith, enrol, entries, get, objectsIn } from '../support/serve-admin.ts';

const DEMANDING = 'second-factor = "required"\n';
const DEMAND = 'demands a second factor';

async function addFactor({ control }: Device): Promise<void> {
  const { secret } = await control.call('second-start', {});
  await control.call('second-confirm', { second: new TOTP({ secret }).generate() });
}

describe('a server that demands second factors', () => {
  let server: NeoServe;
  let admin: Device;
  beforeAll(async () => {
    server = await startNeoServe(['--data-root', await dataRootWith(DEMANDING)]);
    admin = await enrol(server);
  });
  afterAll(async () => {
    await admin.control.close();
    await server.stop();
  });

  it('lets devices without one do nothing but get one', async () => {
    const { control } = admin;
    expect((await control.call('whoami', {})).account).toMatchObject({ name: 'admin', hasSecondFactor: false });
    const open: readonly string[] = ['login-start', 'login', 'enrol', 'whoami', 'second-start', 'second-confirm'];
    for (const verb of Object.keys(CONTROL) as ControlVerb[]) {
      if (open.includes(verb)) continue;
      // A device of a person may never ask for what servers say to each other.
      if (CONTROL[verb].standing === 'replica') {
        await expect(control.call(verb, {} as never), verb).rejects.toMatchObject({ code: 'permission-denied' });
        continue;
      }
      await expect(control.call(verb, {} as never), verb).rejects.toMatchObject({
        code: 'permission-denied',
        message: expect.stringContaining(DEMAND),
        hint: 'neo account 2fa enrol',
      });
    }
    expect((await get(server.port, '/metrics', { device: admin.trust.device })).status).toBe(403);
    const objects = objectsIn(server, admin, 'documents');
    await expect(objects.get('packs/00/a')).rejects.toThrow(DEMAND);
    await expect(objects.put('packs/00/a', new Uint8Array(1))).rejects.toThrow(DEMAND);
    await objects.close();
  });

  it('lets them do all as soon as they have one, and no longer when it is gone', async () => {
    const { control } = admin;
    const { secret } = await control.call('second-start', {});
    const { recovery } = await control.call('second-confirm', { second: new TOTP({ secret }).generate() });
    await control.call('target-create', { name: 'documents' });
    const objects = objectsIn(server, admin, 'documents');
    await objects.put('packs/00/a', new Uint8Array(1));
    expect((await get(server.port, '/metrics', { device: admin.trust.device })).status).toBe(200);
    const { token } = await control.call('token-create', { name: 'script', role: 'read' });
    await control.call('second-remove', { second: recovery[0] ?? '' });
    await expect(objects.get('packs/00/a')).rejects.toThrow(DEMAND);
    // Scripts have nobody who could type a code.
    const { status } = await get(server.port, '/v1/targets/documents/objects/packs/00/a', { token });
    expect(status).toBe(200);
    await addFactor(admin);
    expect(await objects.get('packs/00/a')).toHaveLength(1);
    await objects.close();
  });

  it('says in its log whom it refused', () => {
    const refused = entries(server.stderr()).filter(({ event }) => event === 'refused');
    expect(refused[0]).toMatchObject({
      account: 'admin',
      network: '127.0.0.1',
      reason: expect.stringContaining(DEMAND),
    });
  });
});

describe('--dev', () => {
  it('switches the policy off, and says so to whoever asks', async () => {
    const dataRoot = await dataRootWith(DEMANDING);
    await using server = await startNeoServe(['--data-root', dataRoot, '--dev']);
    const device = await enrol(server);
    await device.control.call('targets', {});
    expect(await device.control.hello()).toMatchObject({ dev: true });
    await device.control.close();
    expect(entries(server.stderr())).toContainEqual(
      expect.objectContaining({ event: 'dev', level: 'warning', message: expect.stringContaining('development') }),
    );
  });

  it('is said by a banner when the log goes elsewhere', async () => {
    const dataRoot = await dataRootWith('log = "server.log"\n');
    await using server = await startNeoServe(['--data-root', dataRoot, '--dev']);
    expect(server.stderr()).toMatch(/^neo: warning: --dev: [^\n]*\n$/);
    expect(readFileSync(`${dataRoot}/server.log`, 'utf8')).toContain('"dev"');
  });

  it('is not said by others', async () => {
    await using server = await startNeoServe();
    expect(JSON.parse((await get(server.port, '/v1/hello')).body)).not.toHaveProperty('dev');
  });

  it.each(['0.0.0.0:0', ':0', '192.0.2.1:0', '[::]:0'])('is refused at %s', async (listen) => {
    const { code, stderr } = await neo(['serve', '--dev', '--listen', listen]);
    expect([code, stderr]).toEqual([2, expect.stringContaining('--dev is for loopback alone')]);
  });

  it('is refused where the configuration listens elsewhere, and by default', async () => {
    const dataRoot = await dataRootWith('listen = "0.0.0.0:0"\n');
    for (const args of [['--data-root', dataRoot], []]) {
      const { code, stderr } = await neo(['serve', '--dev', ...args]);
      expect([code, stderr]).toEqual([2, expect.stringContaining('0.0.0.0 is not')]);
    }
  });
});
