/** A bounded set of open descriptors; the least recently used are closed and opened again when needed. */
import fs from 'node:fs';
import { systemCode } from '../core/errors.ts';

/** Something whose descriptor may be closed at any time while nobody uses it. */
export interface Reopenable {
  /** Must be open while this one is opened; undefined for the root. */
  readonly parent: Reopenable | undefined;
  /** Opens it again, exactly the same object or an error. */
  open(parentFd: number): number;
}

interface Slot {
  readonly fd: number;
  uses: number;
}

/**
 * A descriptor is valid only inside {@link use}, or between {@link acquire} and {@link release}: after that its number
 * may belong to another file. The limit is kept as long as fewer than that many are in use at one time.
 */
export class DescriptorPool {
  readonly #limit: number;
  /** In the order of last use. */
  readonly #slots = new Map<Reopenable, Slot>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#slots.size;
  }

  use<T>(owner: Reopenable, body: (fd: number) => T): T {
    const fd = this.acquire(owner);
    try {
      return body(fd);
    } finally {
      this.release(owner);
    }
  }

  acquire(owner: Reopenable): number {
    const slot = this.#slots.get(owner) ?? this.#openChain(owner);
    slot.uses++;
    this.#slots.delete(owner);
    this.#slots.set(owner, slot);
    return slot.fd;
  }

  release(owner: Reopenable): void {
    const slot = this.#slots.get(owner);
    if (slot !== undefined) slot.uses--;
  }

  /** Takes over a descriptor that was opened elsewhere. */
  adopt(owner: Reopenable, fd: number): void {
    this.close(owner);
    this.#slots.set(owner, { fd, uses: 0 });
    this.#shrink(this.#limit);
  }

  close(owner: Reopenable): void {
    const slot = this.#slots.get(owner);
    if (slot === undefined) return;
    this.#slots.delete(owner);
    fs.closeSync(slot.fd);
  }

  closeAll(): void {
    for (const owner of [...this.#slots.keys()]) this.close(owner);
  }

  /** Closed ancestors are opened from the top, so at most two descriptors are in use however deep the path. */
  #openChain(owner: Reopenable): Slot {
    const chain: Reopenable[] = [];
    for (let at: Reopenable | undefined = owner; at !== undefined && !this.#slots.has(at); at = at.parent) {
      chain.push(at);
    }
    let slot: Slot | undefined;
    for (let next = chain.pop(); next !== undefined; next = chain.pop()) {
      const opening = next;
      const fd =
        opening.parent === undefined ? this.open(() => opening.open(-1)) : this.#openBelow(opening, opening.parent);
      slot = { fd, uses: 0 };
      this.#slots.set(opening, slot);
      this.#shrink(this.#limit, opening);
    }
    if (slot === undefined) throw new TypeError('descriptor chain is empty');
    return slot;
  }

  #openBelow(owner: Reopenable, parent: Reopenable): number {
    return this.use(parent, (parentFd) => this.open(() => owner.open(parentFd)));
  }

  /** Runs an open call; when the process has no descriptors left, gives some back and tries once more. */
  open(call: () => number): number {
    try {
      return call();
    } catch (error) {
      const code = systemCode(error);
      if (code !== 'EMFILE' && code !== 'ENFILE') throw error;
      this.#shrink(this.#slots.size >> 1);
      return call();
    }
  }

  #shrink(limit: number, keep?: Reopenable): void {
    if (this.#slots.size <= limit) return;
    for (const [owner, slot] of this.#slots) {
      if (this.#slots.size <= limit) return;
      if (slot.uses === 0 && owner !== keep) this.close(owner);
    }
  }
}
