/** Who connects shakes hands: of sessions that were copied from a device none gets in without its key. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askFingerprint } from '../../src/backends/neo-control.ts';
import { ownIdentity } from '../../src/server/identity.ts';
import { newDevice, type OwnServer, startOwnServer } from '../support/own-server.ts';
import { insertAccount, insertDevice } from '../support/server-rows.ts';

const device = newDevice();
let server: OwnServer;
beforeAll(async () => {
  server = await startOwnServer();
  const { db } = server.database;
  await insertDevice(db, await insertAccount(db, 'anna'), { ...device, role: 'admin' });
});
afterAll(() => server.stop());

interface Asked {
  readonly answer: string;
  readonly isReused: boolean;
  readonly sessions: readonly Buffer[];
}

/** Who one is, over HTTP/1.1; and all sessions that the server has given meanwhile. */
async function whoami(options: tls.ConnectionOptions): Promise<Asked> {
  const socket = tls.connect({
    ...{ host: '127.0.0.1', port: server.port, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] },
    ...options,
  });
  const sessions: Buffer[] = [];
  socket.on('session', (session) => sessions.push(session));
  await once(socket, 'secureConnect');
  const isReused = socket.isSessionReused();
  const kept = socket.getSession();
  if (kept !== undefined) sessions.push(kept);
  let answer = '';
  socket.setEncoding('utf8').on('data', (piece) => {
    answer += piece;
  });
  const head = 'POST /v1/control/whoami HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';
  socket.write(`${head}content-length: 2\r\nconnection: close\r\n\r\n{}`);
  await once(socket, 'close');
  return { answer, isReused, sessions };
}

async function demandNobody(sessions: readonly Buffer[], options: tls.ConnectionOptions = {}): Promise<void> {
  for (const session of sessions) {
    const { answer, isReused } = await whoami({ ...options, session });
    expect(isReused).toBe(false);
    expect(answer).toContain('not logged in');
    expect(answer).not.toContain('anna');
  }
}

describe('a session that was copied from a device', () => {
  it('does not let in without the key', async () => {
    const { answer, sessions } = await whoami(device);
    expect(answer).toContain('"name":"anna"');
    expect(sessions.length).toBeGreaterThan(0);
    await demandNobody(sessions);
    // Nor with another's: it is as that one that one is known.
    await demandNobody(sessions, newDevice());
  });

  it('does not let in where it was asked for without tickets either', async () => {
    const { answer, sessions } = await whoami({ ...device, secureOptions: 0x4000 });
    expect(answer).toContain('"name":"anna"');
    await demandNobody(sessions, { secureOptions: 0x4000 });
  });

  it('does not let in over HTTP/2, nor after the certificate was exchanged', async () => {
    const { sessions } = await whoami({ ...device, ALPNProtocols: ['http/1.1', 'h2'] });
    server.present(await ownIdentity({ folder: server.dataRoot, names: ['localhost'], now: Date.now() }));
    await demandNobody(sessions);
    const after = await whoami(device);
    expect(after.answer).toContain('"name":"anna"');
    await demandNobody(after.sessions);
    expect(await askFingerprint('127.0.0.1', server.port)).toEqual(server.fingerprint);
  });
});

describe('the certificate of a device', () => {
  it('that anybody may have seen is of no use without its key', async () => {
    const other = newDevice();
    expect(() => tls.createSecureContext({ cert: device.cert, key: other.key })).toThrow(/mismatch/);
  });

  it('is not readable on the line', async () => {
    const seen: Buffer[] = [];
    const proxy = createServer((inner: Socket) => {
      const outer = connect(server.port, '127.0.0.1');
      inner.on('data', (piece: Buffer) => seen.push(piece) && outer.write(piece)).on('close', () => outer.destroy());
      outer.on('data', (piece: Buffer) => seen.push(piece) && inner.write(piece)).on('close', () => inner.destroy());
      for (const each of [inner, outer]) each.on('error', () => undefined);
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const { port } = proxy.address() as { port: number };
    expect((await whoami({ ...device, port })).answer).toContain('"name":"anna"');
    proxy.close();
    const line = Buffer.concat(seen);
    const der = Buffer.from(device.cert.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
    expect(line.length).toBeGreaterThan(der.length);
    for (const secret of [der.subarray(-60), der.subarray(0, 60), Buffer.from('whoami'), Buffer.from('anna')])
      expect(line.includes(secret)).toBe(false);
  });
});
