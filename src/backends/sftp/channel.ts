/** Requests to an SFTP server over a pipe, many in flight: answers come in any order. */
import type { Readable, Writable } from 'node:stream';
import { discard } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import { MAX_PACKET, PacketReader, PacketWriter, REPLY, REQUEST, STATUS } from './packets.ts';

export interface Reply {
  readonly type: number;
  readonly reader: PacketReader;
}

/** What a server answered that is no success. */
export class StatusError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message === '' ? `status ${status}` : message);
    this.status = status;
  }
}

export interface Pipe {
  readonly input: Writable;
  readonly output: Readable;
  /** Why it ended, once it has. */
  readonly ended: Promise<NeoError>;
  readonly kill: () => void;
  /** Whether the program has to wait for it: not while nothing is asked. */
  readonly hold: (isHeld: boolean) => void;
  /** After so many milliseconds without a word it is taken for dead; for tests. */
  readonly silence?: number;
}

interface Waiting {
  /** Somebody waits for it. */
  readonly isAwaited: boolean;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
}

/** A server that says nothing for so long while it is asked something is taken for dead. */
const SILENCE_MS = 120_000;

export class SftpChannel {
  readonly extensions: ReadonlyMap<string, string>;
  readonly #pipe: Pipe;
  readonly #waiting = new Map<number, Waiting>();
  #awaited = 0;
  #isClosing = false;
  #next = 0;
  #failure: NeoError | undefined;
  #silence: NodeJS.Timeout | undefined;
  #fastest = Number.POSITIVE_INFINITY;

  private constructor(pipe: Pipe, extensions: ReadonlyMap<string, string>) {
    this.#pipe = pipe;
    this.extensions = extensions;
  }

  /** @throws NeoError unreachable, permission-denied: whatever the pipe ended with */
  static async open(pipe: Pipe): Promise<SftpChannel> {
    const packets = packetsOf(pipe.output);
    pipe.input.on('error', () => undefined);
    send(pipe.input, new PacketWriter().u32(3).finish(REQUEST.init));
    const first = await Promise.race([packets.next(), pipe.ended.then((error) => Promise.reject(error))]);
    if (first.done === true) throw await pipe.ended;
    const reader = new PacketReader(first.value);
    if (reader.u8() !== REPLY.version || reader.u32() < 3) {
      pipe.kill();
      throw new NeoError('unreachable', 'the SFTP server speaks no version 3', { isPermanent: true });
    }
    const extensions = new Map<string, string>();
    while (!reader.ended) extensions.set(reader.bytes().toString(), reader.bytes().toString());
    const channel = new SftpChannel(pipe, extensions);
    pipe.hold(false);
    void channel.#read(packets);
    return channel;
  }

  /** Milliseconds that the fastest answer took; 0 before there was any. */
  get roundTrip(): number {
    return this.#fastest === Number.POSITIVE_INFINITY ? 0 : this.#fastest;
  }

  get isBroken(): boolean {
    return this.#failure !== undefined;
  }

  async #read(packets: AsyncGenerator<Buffer, void>): Promise<void> {
    try {
      for await (const packet of packets) this.#receive(new PacketReader(packet));
      this.#fail(await this.#pipe.ended);
    } catch (error) {
      this.#pipe.kill();
      this.#fail(
        error instanceof NeoError ? error : new NeoError('unreachable', 'the connection broke', { cause: error }),
      );
    }
  }

  #receive(reader: PacketReader): void {
    const type = reader.u8();
    const id = reader.u32();
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) throw new NeoError('unreachable', 'the SFTP server answers what nobody asked');
    this.#waiting.delete(id);
    if (waiting.isAwaited) this.#awaited -= 1;
    this.#watch();
    if (type !== REPLY.status) {
      waiting.resolve({ type, reader });
      return;
    }
    const status = reader.u32();
    if (status === STATUS.ok) waiting.resolve({ type, reader });
    else waiting.reject(new StatusError(status, reader.ended ? '' : reader.bytes().toString()));
  }

  #fail(error: NeoError): void {
    this.#failure ??= error;
    clearTimeout(this.#silence);
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
    this.#awaited = 0;
  }

  /** Starts anew with each answer. */
  #watch(): void {
    clearTimeout(this.#silence);
    if (this.#awaited === 0) {
      if (!this.#isClosing) this.#pipe.hold(false);
      return;
    }
    const { silence = SILENCE_MS } = this.#pipe;
    this.#silence = setTimeout(() => {
      this.#pipe.kill();
      this.#fail(new NeoError('unreachable', `the SFTP server says nothing for ${silence / 1000} seconds`));
    }, silence);
    this.#silence.unref();
  }

  /** @throws StatusError for any status but success; NeoError unreachable when the connection ends */
  request(type: number, body: PacketWriter, expected: number = REPLY.status): Promise<PacketReader> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const since = performance.now();
    return new Promise<Reply>((resolve, reject) => {
      this.#send(type, body, { isAwaited: true, resolve, reject });
      this.#awaited += 1;
      if (this.#awaited > 1) return;
      this.#pipe.hold(true);
      this.#watch();
    }).then((reply) => {
      this.#fastest = Math.min(this.#fastest, performance.now() - since);
      if (reply.type === expected) return reply.reader;
      throw new NeoError('unreachable', `the SFTP server answers with packet ${reply.type}`);
    });
  }

  /** A request whose answer nobody needs, nor waits for. */
  tell(type: number, body: PacketWriter): void {
    if (this.#failure !== undefined) return;
    this.#send(type, body, { isAwaited: false, resolve: () => undefined, reject: () => undefined });
  }

  #send(type: number, body: PacketWriter, waiting: Waiting): void {
    const id = this.#next;
    this.#next = (this.#next + 1) >>> 0;
    this.#waiting.set(id, waiting);
    send(this.#pipe.input, body.finish(type, id));
  }

  async close(): Promise<void> {
    // A server may leave undone what it was told, once it sees the end. Where it answers this it has done what came before.
    if (this.#waiting.size > 0) {
      await this.request(REQUEST.lstat, new PacketWriter().text('.'), REPLY.attrs).catch(() => undefined);
    }
    // Until it has ended, whatever is answered late.
    this.#isClosing = true;
    this.#pipe.hold(true);
    this.#pipe.input.end();
    await this.#pipe.ended;
  }
}

function send(input: Writable, parts: readonly Uint8Array[]): void {
  input.cork();
  for (const part of parts) input.write(part);
  input.uncork();
}

async function* packetsOf(stream: Readable): AsyncGenerator<Buffer, void> {
  const splitter = new Splitter();
  for await (const chunk of stream) yield* splitter.take(chunk);
}

/** A stream of bytes into packets, without their lengths. Each has memory of its own: chunks are given back at once. */
class Splitter {
  readonly #head = Buffer.alloc(4);
  #packet: Buffer | undefined;
  /** Of the packet, or of its length. */
  #filled = 0;

  /** @throws NeoError unreachable for a length that no honest server sends */
  *take(chunk: Buffer): Generator<Buffer> {
    for (let at = 0; at < chunk.length; ) {
      const into = this.#packet ?? this.#head;
      const got = chunk.copy(into, this.#filled, at);
      at += got;
      this.#filled += got;
      if (this.#filled < into.length) continue;
      this.#filled = 0;
      this.#packet = into === this.#head ? Buffer.allocUnsafe(this.#length()) : undefined;
      if (this.#packet === undefined) yield into;
    }
    discard(chunk);
  }

  #length(): number {
    const length = this.#head.readUInt32BE();
    if (length < 1 || length > MAX_PACKET) throw new NeoError('unreachable', 'this is no SFTP server');
    return length;
  }
}
