/** The guards of what is removed, one for each target that is in use. */
import type { Kysely } from 'kysely';
import type { Clock } from '../core/clock.ts';
import type { Tables } from './database/tables.ts';
import { Losses, lossStore } from './losses.ts';
import type { Place } from './places.ts';
import { RemovalGuard, type RemovalLimits } from './removal-guard.ts';
import type { TargetStore } from './targets.ts';

type Named = Pick<Place, 'id' | 'owner'>;

export class Removals {
  readonly #db: Kysely<Tables>;
  readonly #targets: TargetStore;
  readonly #limits: RemovalLimits;
  readonly #clock: Clock;
  readonly #guards = new Map<string, Promise<RemovalGuard>>();

  constructor(db: Kysely<Tables>, targets: TargetStore, limits: RemovalLimits, clock: Clock) {
    this.#db = db;
    this.#targets = targets;
    this.#limits = limits;
    this.#clock = clock;
  }

  guardOf(place: Named): Promise<RemovalGuard> {
    const known = this.#guards.get(place.id);
    if (known !== undefined) return known;
    const made = this.#make(place);
    this.#guards.set(place.id, made);
    made.catch(() => this.#guards.delete(place.id));
    return made;
  }

  async #make(place: Named): Promise<RemovalGuard> {
    const storage = await this.#targets.open(place);
    const bytes = async (): Promise<number> => (await this.#targets.sizesOf(place.owner.id, place.id))?.bytes ?? 0;
    const store = lossStore(this.#db, place.id);
    const losses = new Losses({ store, bytes, part: () => this.#limits.part, clock: this.#clock });
    return new RemovalGuard(storage, this.#limits, losses, this.#clock);
  }

  /** A target that is no more. */
  forget(id: string): void {
    this.#guards.delete(id);
  }
}
