/** A backend of which half of the operations fail, before they have an effect or after it, and that tries again. */
import type { Backend } from '../../src/backends/backend.ts';
import { FaultBackend } from '../../src/backends/fault.ts';
import { RetryBackend } from '../../src/backends/retry.ts';
import { SimRandom } from './sim-random.ts';

export function unreliable(backend: Backend, seed = 1): Backend {
  const rules = [
    { fault: 'error-before', chance: 0.3 },
    { fault: 'error-after', chance: 0.3 },
  ] as const;
  let now = 0;
  return new RetryBackend(new FaultBackend(backend, { rules }, new SimRandom(seed)), {
    retryFor: 15 * 60_000,
    monotonic: () => now,
    random: new SimRandom(seed + 1),
    pause: async (milliseconds) => {
      now += milliseconds;
    },
  });
}
