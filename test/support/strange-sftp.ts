/** OpenSSH's sftp-server on a pipe, whose answers are changed on the way: a server that errs, lies or falls silent. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { PassThrough, Transform } from 'node:stream';
import type { Pipe } from '../../src/backends/sftp/channel.ts';
import { NeoError } from '../../src/core/errors.ts';

const SERVER = '/usr/lib/openssh/sftp-server';

/** As docs of the protocol have it: draft-ietf-secsh-filexfer-02. Without the length that goes before it. */
export interface Packet {
  readonly type: number;
  readonly id: number;
  readonly body: Buffer;
}

/** What comes in the place of an answer: nothing, it, others; undefined ends the connection. */
export type Strangeness = (answer: Packet, request: Packet) => readonly (Packet | Buffer)[] | undefined;

export function sftpServerIsThere(): boolean {
  return existsSync(SERVER);
}

/** @param silence milliseconds after which it is taken for dead */
export function strangePipe(strangeness: Strangeness, silence?: number): Pipe {
  const server = spawn(SERVER, [], { stdio: ['pipe', 'pipe', 'pipe'] });
  const requests = new Map<number, Packet>();
  const input = eachPacket((packet) => {
    requests.set(packet.id, packet);
    return [packet];
  });
  input.pipe(server.stdin);
  server.stdin.on('error', () => undefined);
  const output = server.stdout.pipe(
    eachPacket((answer) => {
      const request = requests.get(answer.id);
      // The first one is the version, and answers no request.
      if (request === undefined || answer.type === VERSION) return [answer];
      const instead = strangeness(answer, request);
      if (instead === undefined) server.kill();
      return instead ?? [];
    }),
  );
  return {
    input,
    output: output.pipe(new PassThrough()),
    ...endOf(server),
    ...(silence === undefined ? {} : { silence }),
  };
}

const VERSION = 2;

function endOf(server: ChildProcessWithoutNullStreams): Pick<Pipe, 'ended' | 'kill' | 'hold'> {
  const ended = new Promise<NeoError>((resolve) => {
    server.once('close', () => resolve(new NeoError('unreachable', 'the server is gone')));
  });
  return { ended, kill: () => server.kill(), hold: () => undefined };
}

function eachPacket(change: (packet: Packet) => readonly (Packet | Buffer)[]): Transform {
  let held = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _, done) {
      held = Buffer.concat([held, chunk]);
      while (held.length >= 4 && held.length >= 4 + held.readUInt32BE()) {
        const end = 4 + held.readUInt32BE();
        const packet = { type: held[4] ?? 0, id: held.readUInt32BE(5), body: held.subarray(9, end) };
        for (const each of change(packet)) this.push(Buffer.isBuffer(each) ? each : encode(each));
        held = held.subarray(end);
      }
      done();
    },
  });
}

function encode({ type, id, body }: Packet): Buffer {
  const head = Buffer.alloc(9);
  head.writeUInt32BE(5 + body.length);
  head[4] = type;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, body]);
}

/** For bodies of answers: `u32` and a string of bytes. */
export function sized(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

export function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
