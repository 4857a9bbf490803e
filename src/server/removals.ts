/** The guards of what is removed, one for each target that is in use. */
import type { Clock } from '../core/clock.ts';
import type { Place } from './places.ts';
import { RemovalGuard, type RemovalLimits } from './removal-guard.ts';
import type { TargetStore } from './targets.ts';

/** Nothing is kept that whoever may remove it does not want to keep. */
export const NO_LIMITS: RemovalLimits = { grace: 0, part: 1 };

type Named = Pick<Place, 'id' | 'owner'>;

export class Removals {
  readonly #targets: TargetStore;
  readonly #limits: RemovalLimits;
  readonly #clock: Clock;
  readonly #guards = new Map<string, Promise<RemovalGuard>>();

  constructor(targets: TargetStore, limits: RemovalLimits, clock: Clock) {
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
    return new RemovalGuard(storage, this.#limits, bytes, this.#clock);
  }

  /** A target that is no more. */
  forget(id: string): void {
    this.#guards.delete(id);
  }
}
