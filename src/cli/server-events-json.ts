/** What happens at a server, for programs: docs/json.md, `neo monitor`. */
import type { Output } from './output.ts';
import type { Followed } from './server-events.ts';

export interface EventTotals {
  /** Of the log. */
  events: number;
  /** What was put. */
  objects: number;
  bytes: number;
}

/** @param totals goes with what is printed */
export async function printEvent(each: Followed, out: Pick<Output, 'object'>, totals: EventTotals): Promise<void> {
  count(each, totals);
  await print(each, out);
}

function count(each: Followed, totals: EventTotals): void {
  if (each.type === 'log') totals.events += 1;
  if (each.type !== 'object' || each.entry.action !== 'put') return;
  totals.objects += 1;
  totals.bytes += each.entry.size;
}

async function print(each: Followed, out: Pick<Output, 'object'>): Promise<void> {
  switch (each.type) {
    case 'log':
      return out.object('event', { ...each.entry });
    case 'object': {
      const { time, account, target, action, path, size, by } = each.entry;
      return out.object('object', { time, account, target, action, path, size, by });
    }
    case 'unread':
      return out.object('unread', { count: each.count });
    case 'on':
      return out.object('watching');
    case 'away':
      return out.object('away', { message: each.message });
  }
}
