/** Settings of a server that runs, as people and programs see them. */
import { formatTime } from '../core/format.ts';
import type { ControlAnswer } from '../protocol/control.ts';
import type { Listed } from './listing.ts';
import type { JsonBody } from './output.ts';
import type { Column } from './table.ts';

type Setting = ControlAnswer<'config-set'>;

export const settingColumns: readonly Column[] = ['Setting', 'Value', 'From', 'Later'];

export function settingListed(setting: Setting): Listed {
  const { name, value, source, next, since } = setting;
  const later = next === null || since === null ? '' : `${next} from ${formatTime(new Date(since))}`;
  return { json: settingJson(setting), row: [name, value, source, later] };
}

export function settingJson(setting: Setting): JsonBody {
  const { since } = setting;
  return { ...setting, since: since === null ? null : new Date(since).toISOString() };
}

/** `log-level is debug`, `removals.after is 20h, and 1h from 2026-11-01 12:00:05 on` */
export function settingLine({ name, value, next, since }: Setting): string {
  const now = `${name} is ${value}`;
  return next === null || since === null ? now : `${now}, and ${next} from ${formatTime(new Date(since))} on`;
}
