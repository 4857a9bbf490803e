// A client of neo's server that shares no code with neo: it was written from docs/protocol.md. It greets the server, lets itself in by a code that
// works once, makes a target, and puts, gets, lists and removes an object.
//
//     node examples/client.mjs HOST:PORT SHA256:FINGERPRINT CODE
//
// It needs Node 20 or later, and `openssl` for a key and a certificate (any certificate does: the server looks at its key alone).
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';

/** The key of this device: Ed25519, in a certificate signed by itself. */
function makeDeviceKey() {
  const folder = mkdtempSync(join(tmpdir(), 'neo-example-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const request = ['req', '-x509', '-newkey', 'ed25519', '-nodes', '-subj', '/CN=example', '-keyout', key, '-out', cert];
  execFileSync('openssl', request, { stdio: 'ignore' });
  const pair = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(folder, { recursive: true });
  return pair;
}

/** TLS 1.3 and HTTP/2 with the server that has the key we know; with any other nothing is sent. */
async function connect(address, fingerprint, device) {
  const [, host, port] = /^(.*):(\d+)$/.exec(address);
  const socket = connectTls({
    host,
    port: Number(port),
    ALPNProtocols: ['h2'],
    minVersion: 'TLSv1.3',
    rejectUnauthorized: false,
    ...device,
  });
  await once(socket, 'secureConnect');
  const key = socket.getPeerX509Certificate().publicKey.export({ type: 'spki', format: 'der' });
  const found = `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
  if (found !== fingerprint) throw new Error(`the server has the key ${found}`);
  return connectHttp2(`https://${address}`, { createConnection: () => socket });
}

/** One request; its answer's status, headers and bytes. */
async function ask(session, method, path, body, headers = {}) {
  const length = body === undefined ? {} : { 'content-length': body.length };
  const stream = session.request({ ':method': method, ':path': path, ...length, ...headers });
  stream.end(body);
  const [answer] = await once(stream, 'response');
  const parts = [];
  for await (const part of stream) parts.push(part);
  return { status: answer[':status'], headers: answer, bytes: Buffer.concat(parts) };
}

/** JSON in, JSON out; what the server refuses is thrown with its own words. */
async function control(session, name, request) {
  const body = Buffer.from(JSON.stringify(request));
  const { status, bytes } = await ask(session, 'POST', `/v1/control/${name}`, body, { 'content-type': 'application/json' });
  const answer = JSON.parse(bytes);
  if (status === 200) return answer;
  throw new Error(`${name}: ${answer.error.code}: ${answer.error.message}`);
}

const [address, fingerprint, code] = process.argv.slice(2);
const session = await connect(address, fingerprint, makeDeviceKey());
try {
  const hello = JSON.parse((await ask(session, 'GET', '/v1/hello')).bytes);
  console.log(`hello from site ${hello.site}, protocol ${hello.protocol.major}.${hello.protocol.minor}`);

  const { account } = await control(session, 'enrol', { code, device: 'example' });
  console.log(`logged in as ${account}`);
  await control(session, 'target-create', { name: 'example' });

  const object = '/v1/targets/example/objects/notes/hello';
  const sent = randomBytes(100_000);
  console.log(`put: ${(await ask(session, 'PUT', object, sent)).status}`);
  const got = await ask(session, 'GET', object);
  console.log(`get: ${got.status}, ${got.bytes.equals(sent) ? 'the same bytes' : 'OTHER BYTES'}`);
  const part = await ask(session, 'GET', object, undefined, { range: 'bytes=10-19' });
  console.log(`range: ${part.status}, ${part.bytes.equals(sent.subarray(10, 20)) ? 'the same bytes' : 'OTHER BYTES'}`);
  const list = JSON.parse((await ask(session, 'GET', '/v1/targets/example/list?folder=notes&after=')).bytes);
  console.log(`list: ${list.objects.map(([path, size]) => `${path} ${size}`).join()}`);
  console.log(`remove: ${(await ask(session, 'DELETE', object)).status}`);
  const gone = await ask(session, 'GET', object);
  console.log(`get: ${gone.status}, ${gone.headers['neo-object']}`);
} finally {
  session.close();
}
