/** The agent: one process a user, which holds keys in memory until their time is up, and ends with the last one. */
import { lstatSync, renameSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { askAgent } from './exchange.ts';
import { HeldKeys } from './held-keys.ts';
import {
  type AgentRequest,
  decodeMessage,
  encodeMessage,
  type HeldKey,
  LONGEST_MESSAGE,
  type Message,
  requestSchema,
  VERSION,
} from './messages.ts';
import { socketIn, whyUnsafe } from './place.ts';

/** Milliseconds. At least so often it looks at the clocks: timers stand still while a machine sleeps. */
const LOOK_EVERY = 5_000;
/** Without a key for so long after its start, nobody is going to bring one. */
const FIRST_KEY_WITHIN = 10_000;
/** For the whole of a request. */
const PATIENCE = 1_000;
const KEY_LENGTH = 32;

/** Serves until the last key is gone. Returns at once where another agent serves already. */
export async function serveAgent(folder: string, clock: Clock): Promise<void> {
  if ((await askAgent(folder, { type: 'list' })).status === 'answered') return;
  const place = await Place.take(folder);
  if (place === undefined) return;
  const keys = new HeldKeys(clock);
  const end = (): void => {
    keys.forget(() => true);
    place.leave();
    process.exit(0);
  };
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, end);
  const emptyUntil = clock.monotonic() + FIRST_KEY_WITHIN;
  let wasUsed = false;
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    clearTimeout(timer);
    keys.expire();
    wasUsed ||= keys.size > 0;
    const isDone = keys.size === 0 && (wasUsed || clock.monotonic() >= emptyUntil);
    if (isDone || !place.isOurs()) end();
    else timer = setTimeout(look, Math.min(LOOK_EVERY, keys.remaining()) + 1);
  };
  place.serve((request) => answer(keys, request), look);
  look();
}

/** The socket. Made under a name of our own and renamed, so that the name others know is taken over whole. */
class Place {
  readonly #server: Server;
  readonly #path: string;
  readonly #inode: bigint;

  private constructor(server: Server, path: string, inode: bigint) {
    this.#server = server;
    this.#path = path;
    this.#inode = inode;
  }

  static async take(folder: string): Promise<Place | undefined> {
    if (whyUnsafe(folder) !== undefined) return undefined;
    const server = createServer({ allowHalfOpen: true });
    const path = socketIn(folder);
    const ours = join(folder, `${process.pid}.sock`);
    rmSync(ours, { force: true });
    process.umask(0o177);
    await new Promise<void>((resolve, reject) => {
      server.on('error', reject);
      server.listen(ours, resolve);
    });
    const { ino } = lstatSync(ours, { bigint: true });
    renameSync(ours, path);
    return new Place(server, path, ino);
  }

  /** False when it was taken away, or another agent has taken it: nobody can reach this one any more. */
  isOurs(): boolean {
    return lstatSync(this.#path, { bigint: true, throwIfNoEntry: false })?.ino === this.#inode;
  }

  leave(): void {
    if (this.isOurs()) rmSync(this.#path, { force: true });
  }

  serve(answerTo: (message: Message) => Uint8Array | undefined, after: () => void): void {
    this.#server.maxConnections = 64;
    this.#server.on('connection', (socket) => {
      receive(socket, (message) => {
        const reply = answerTo(message);
        if (reply === undefined) return socket.destroy();
        // The answer goes out before the process may end.
        socket.end(reply, () => {
          reply.fill(0);
          after();
        });
      });
    });
  }
}

function receive(socket: Socket, done: (message: Message) => void): void {
  const pieces: Uint8Array[] = [];
  let length = 0;
  const timer = setTimeout(() => socket.destroy(), PATIENCE);
  socket.on('close', () => clearTimeout(timer));
  socket.on('error', () => socket.destroy());
  socket.on('data', (piece: Uint8Array) => {
    pieces.push(piece);
    length += piece.length;
    if (length > LONGEST_MESSAGE) socket.destroy();
  });
  socket.on('end', () => {
    const message = decodeMessage(pieces);
    if (message === undefined) socket.destroy();
    else done(message);
  });
}

/** Undefined for what is not understood. */
function answer(held: HeldKeys, { body, secret }: Message): Uint8Array | undefined {
  const parsed = requestSchema.safeParse(body);
  if (!parsed.success) return undefined;
  const request: AgentRequest = parsed.data;
  if (request.type === 'get') {
    const found = held.find(request.repositories);
    return found === undefined ? keysAnswer([]) : keysAnswer([found.key], found.secret);
  }
  if (request.type === 'hold') {
    return secret.length === KEY_LENGTH ? keysAnswer([held.hold(request.key, secret, request.lifetime)]) : undefined;
  }
  if (request.type === 'list') return keysAnswer(held.list());
  if (request.type === 'forget-all') return keysAnswer(held.forget(() => true));
  const { location, repositories } = request;
  return keysAnswer(held.forget((key) => key.location === location || repositories.includes(key.repository)));
}

function keysAnswer(keys: readonly HeldKey[], secret?: Uint8Array): Uint8Array {
  return encodeMessage({ v: VERSION, keys }, secret);
}
