/** Keys that the agent holds, as people and programs see them. */

import { formatTime } from '../core/format.ts';
import type { HeldKey } from './agent.ts';
import type { JsonBody } from './output.ts';

export const HELD_COLUMNS = ['REPOSITORY', 'KEY', 'UNTIL', 'LOCATION'];

export function heldRow({ repository, client, location, expires }: HeldKey): string[] {
  return [repository.slice(0, 8), client.slice(0, 8), formatTime(new Date(expires)), location];
}

export function heldBody({ repository, client, location, expires }: HeldKey): JsonBody {
  return { repository, key: client, location, expires: new Date(expires).toISOString() };
}
