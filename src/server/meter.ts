/** What an account may store, and what it does: the sum of what its targets hold, and of the room that is kept for objects on their way. */
import type { Clock } from '../core/clock.ts';
import { NeoError } from '../core/errors.ts';
import { formatBytes, formatCounted } from '../core/format.ts';

export interface Counts {
  readonly bytes: number;
  readonly objects: number;
}

/** Room for one object. It is used once: what is kept or released stays so. */
export interface Reservation {
  /** Neither kept nor released. */
  readonly isOpen: boolean;
  /** The object is there now. */
  keep(): void;
  release(): void;
}

export interface MeterLimits {
  /** Bytes; null: no limit. */
  readonly quota: number | null;
  /** Bytes that each object is charged with beside its own. */
  readonly perObject: number;
}

const NOTHING: Counts = { bytes: 0, objects: 0 };

/** One account that pays for targets: all of them have to be in here, open or not, before the first reservation. */
export class Meter {
  readonly #clock: Clock;
  readonly #targets = new Map<string, Counts>();
  #quota: number | null;
  #perObject: number;
  /** Of all targets and reservations. */
  #bytes = 0;
  #objects = 0;
  #byteTime = 0;
  #metered: number;

  constructor(clock: Clock, { quota, perObject }: MeterLimits) {
    this.#clock = clock;
    this.#quota = quota;
    this.#perObject = perObject;
    this.#metered = clock.monotonic();
  }

  get quota(): number | null {
    return this.#quota;
  }

  /** One below what is used removes nothing: no more is taken. */
  set quota(quota: number | null) {
    this.#quota = quota;
  }

  get perObject(): number {
    return this.#perObject;
  }

  set perObject(perObject: number) {
    this.#advance();
    this.#perObject = perObject;
  }

  /** Bytes of objects, their charges, and the same of reservations. */
  get used(): number {
    return this.#bytes + this.#perObject * this.#objects;
  }

  /** Bytes × milliseconds that were used since this meter was made. */
  byteTime(): number {
    this.#advance();
    return this.#byteTime;
  }

  /** Of one target, without reservations. */
  counts(target: string): Counts {
    return this.#targets.get(target) ?? NOTHING;
  }

  setCounts(target: string, { bytes, objects }: Counts): void {
    const before = this.counts(target);
    this.#targets.set(target, { bytes, objects });
    this.#add(bytes - before.bytes, objects - before.objects);
  }

  /** The target is no more, or another account's. */
  drop(target: string): void {
    this.setCounts(target, NOTHING);
    this.#targets.delete(target);
  }

  /**
   * Room for one object in a target.
   * @throws NeoError quota-exceeded
   */
  reserve(target: string, bytes: number): Reservation {
    this.#requireRoom(bytes);
    this.#add(bytes, 1);
    let isOpen = true;
    const end = (): boolean => {
      if (!isOpen) return false;
      isOpen = false;
      this.#add(-bytes, -1);
      return true;
    };
    return {
      get isOpen() {
        return isOpen;
      },
      keep: () => {
        if (!end()) return;
        const before = this.counts(target);
        this.setCounts(target, { bytes: before.bytes + bytes, objects: before.objects + 1 });
      },
      release: () => {
        end();
      },
    };
  }

  #requireRoom(bytes: number): void {
    const needed = bytes + this.#perObject;
    const quota = this.#quota;
    if (quota === null || this.used + needed <= quota) return;
    throw new NeoError(
      'quota-exceeded',
      `the quota is used up: ${amount(this.used)} of ${amount(quota)} are used, and ${amount(needed)} are needed`,
      { hint: 'Make room with `neo forget` and `neo prune`, or ask who runs the server for a larger quota.' },
    );
  }

  #add(bytes: number, objects: number): void {
    this.#advance();
    this.#bytes += bytes;
    this.#objects += objects;
  }

  #advance(): void {
    const now = this.#clock.monotonic();
    this.#byteTime += this.used * (now - this.#metered);
    this.#metered = now;
  }
}

/** `2.0 MiB (2,097,152 bytes)` */
function amount(bytes: number): string {
  return `${formatBytes(bytes)} (${formatCounted(bytes, 'byte')})`;
}
