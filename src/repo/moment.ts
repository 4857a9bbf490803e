/** What storage said the time was, and when it was asked. */
import type { Repository } from './repository.ts';

export interface Moment {
  /** By the storage's clock, milliseconds since 1970. */
  readonly time: number;
  /** Before it was asked, by this machine's steady clock, milliseconds. */
  readonly since: number;
}

/** @throws NeoError unreachable */
export async function askMoment({ backend, clock }: Pick<Repository, 'backend' | 'clock'>): Promise<Moment> {
  const since = clock.monotonic();
  return { time: await backend.now(), since };
}
