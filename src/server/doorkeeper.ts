/** How many connections there may be: those of one address never take all the room, so that others still get in. */
import { isIPv6, type Socket } from 'node:net';

export class Doorkeeper {
  readonly #most: number;
  readonly #mostOfOne: number;
  readonly #inside = new Map<string, Set<Socket>>();
  #count = 0;
  #refused = 0;

  constructor(most: number, mostOfOne: number) {
    this.#most = most;
    this.#mostOfOne = mostOfOne;
  }

  /** How many are inside, and how many were hung up on. */
  get counts(): { readonly connections: number; readonly refused: number } {
    return { connections: this.#count, refused: this.#refused };
  }

  /** Whoever does not get in is hung up on, without a word: a handshake costs more than the line. */
  admit(socket: Socket): void {
    const who = networkOf(socket.remoteAddress ?? '');
    const others = this.#inside.get(who) ?? new Set();
    if (this.#count >= this.#most || others.size >= this.#mostOfOne) {
      this.#refused += 1;
      socket.destroy();
      return;
    }
    this.#inside.set(who, others.add(socket));
    this.#count += 1;
    socket.once('close', () => {
      others.delete(socket);
      this.#count -= 1;
      if (others.size === 0 && this.#inside.get(who) === others) this.#inside.delete(who);
    });
  }

  dismissAll(): void {
    for (const sockets of this.#inside.values()) for (const socket of sockets) socket.destroy();
  }
}

/** Of IPv6 everybody has as many addresses as he likes, in a network of 64 bits (RFC 6177). */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = '', tail] = address.split('%')[0]?.split('::') ?? [];
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array<string>(zeros).fill('0'), ...after].slice(0, 4).join(':');
}
