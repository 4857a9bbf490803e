/** Accounts, and what belongs to them, as people and programs see them. */
import { formatBytes, formatCount, formatCounted, formatTime } from '../core/format.ts';
import type { ControlAnswer } from '../protocol/control.ts';
import type { Listed } from './listing.ts';
import type { JsonBody } from './output.ts';
import { type Column, safeText } from './table.ts';

type Target = ControlAnswer<'targets'>['targets'][number];
type Device = ControlAnswer<'devices'>['devices'][number];
type Token = ControlAnswer<'tokens'>['tokens'][number];
type Grant = ControlAnswer<'grants'>['grants'][number];
type AnyGrant = ControlAnswer<'user-grants'>['grants'][number];
type Account = ControlAnswer<'whoami'>['account'];
type Usage = ControlAnswer<'usage'>;
type Entry = ControlAnswer<'audit'>['entries'][number];
type Recount = ControlAnswer<'fsck'>['targets'][number];

const DATE_LENGTH = 10;
const ID_LENGTH = 8;

function iso(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}

function day(time: number | null, otherwise = 'never'): string {
  return iso(time)?.slice(0, DATE_LENGTH) ?? otherwise;
}

/** Ended by somebody, or by itself. */
function endOf({ revoked, expires = null }: { revoked: number | null; expires?: number | null }): string {
  return revoked === null ? day(expires) : `revoked ${day(revoked)}`;
}

/** `1,234 objects, 5.6 GiB` */
export function amountOf({ objects, bytes }: { readonly objects: number; readonly bytes: number }): string {
  return `${formatCounted(objects, 'object')}, ${formatBytes(bytes)}`;
}

export const targetColumns: readonly Column[] = [
  'Target',
  'Role',
  { numbers: 'Objects' },
  { numbers: 'Size' },
  'Created',
];

/** @param asker who asks: how a target is written in a location depends on that */
export function targetListed(target: Target, asker: Pick<Account, 'name' | 'parent'>): Listed {
  const { owner, name, role, objects, bytes, created } = target;
  // As the server resolves it: a name alone is one's own, and a sub-account has none.
  const written = owner === (asker.parent ?? asker.name) ? name : `${owner}/${name}`;
  return {
    json: { target: written, ...target, created: iso(created) },
    row: [written, role, formatCount(objects), formatBytes(bytes), day(created)],
  };
}

export const deviceColumns: readonly Column[] = ['ID', 'Name', 'Role', 'Since', 'Last seen', 'Ends'];

export function deviceListed(device: Device): Listed {
  const { id, name, role, created, seen, revoked, isThis } = device;
  const shown = isThis ? `${name} (this one)` : name;
  return {
    json: { ...device, created: iso(created), seen: iso(seen), revoked: iso(revoked) },
    row: [id.slice(0, ID_LENGTH), shown, role, day(created), day(seen), endOf({ revoked })],
  };
}

export const tokenColumns: readonly Column[] = ['ID', 'Name', 'Target', 'Role', 'Since', 'Ends'];

export function tokenListed(token: Token): Listed {
  const { id, name, target, role, created, expires, revoked } = token;
  return {
    json: { ...token, created: iso(created), expires: iso(expires), revoked: iso(revoked) },
    row: [id.slice(0, ID_LENGTH), name, target ?? 'all', role, day(created), endOf({ revoked, expires })],
  };
}

/** Of all that lets into an account. */
export const entranceColumns: readonly Column[] = ['Kind', ...deviceColumns];

export function entranceRows(devices: readonly Device[], tokens: readonly Token[]): string[][] {
  const ofTokens = tokens.map(({ id, name, role, created, expires, revoked }) => [
    ...['token', id.slice(0, ID_LENGTH), name, role, day(created), ''],
    endOf({ revoked, expires }),
  ]);
  return [...devices.map((each) => ['device', ...deviceListed(each).row]), ...ofTokens];
}

export const grantColumns: readonly Column[] = ['Target', 'To', 'Role', 'Ends'];

export function grantListed(grant: Grant): Listed {
  const { target, to, share, role, expires } = grant;
  const what = share === null ? role : `share ${share.slice(0, ID_LENGTH)}`;
  return { json: { ...grant, expires: iso(expires) }, row: [target, to, what, day(expires)] };
}

export function anyGrantListed({ owner, ...grant }: AnyGrant): Listed {
  const { json, row } = grantListed(grant);
  const [target, ...rest] = row;
  return { json: { owner, ...json }, row: [`${owner}/${target}`, ...rest] };
}

export function accountJson(account: Account): JsonBody {
  return { ...account, expires: iso(account.expires), created: iso(account.created) };
}

function stateOf({ isAdministrator, isDisabled, hasSecondFactor }: Account): string {
  const states = [
    isDisabled ? 'disabled' : '',
    isAdministrator ? 'administrator' : '',
    hasSecondFactor ? 'second factor' : '',
  ];
  return states.filter((state) => state !== '').join(', ');
}

export const subColumns: readonly Column[] = ['Sub-account', 'Since', 'Ends', 'State'];

export function subListed(account: Account): Listed {
  const { name, created, expires } = account;
  return { json: accountJson(account), row: [name, day(created), day(expires), stateOf(account)] };
}

export const userColumns: readonly Column[] = [
  'Account',
  'Of',
  { numbers: 'Used' },
  { numbers: 'Quota' },
  { numbers: 'Objects' },
  'Since',
  'Ends',
  'State',
];

/** @param usage undefined for a sub-account, which stores in targets of others */
export function userListed(account: Account, usage: Usage | undefined): Listed {
  const { name, parent, quota, created, expires } = account;
  const amounts =
    usage === undefined ? ['', '', ''] : [formatBytes(usage.used), limit(quota), formatCount(usage.objects)];
  return {
    json: { ...accountJson(account), ...(usage === undefined ? {} : usageJson(usage)) },
    row: [name, parent ?? '', ...amounts, day(created), day(expires), stateOf(account)],
  };
}

function limit(quota: number | null): string {
  return quota === null ? 'none' : formatBytes(quota);
}

export function usageJson({ bytes, objects, used, quota, perObject, byteHours }: Usage): JsonBody {
  return { bytes, objects, used, quota, perObject, byteHours };
}

/** Label and value, a line each. */
export function usageLines({ bytes, objects, used, quota, perObject, byteHours }: Usage): string[] {
  const charge = perObject === 0 ? '' : `, and ${formatBytes(perObject)} for each`;
  return [
    `used           ${formatBytes(used)}${quota === null ? ', without a limit' : ` of ${formatBytes(quota)}`}`,
    `objects        ${formatCount(objects)} of ${formatBytes(bytes)}${charge}`,
    `since it began ${formatBytes(byteHours)} hours`,
  ];
}

export function auditJson(entry: Entry): JsonBody {
  return { ...entry, time: iso(entry.time) };
}

/** `2026-11-01 12:00:05  ann@laptop  grant  target=documents to=bob` */
export function auditLine({ time, account, device, action, detail }: Entry): string {
  const who = account === null ? '-' : `${account}${device === null ? '' : `@${device}`}`;
  const said = Object.entries(detail).map(([name, value]) => `${name}=${detailText(value)}`);
  return safeText([formatTime(new Date(time)), who, action, said.join(' ')].join('  ').trimEnd());
}

function detailText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export function isDifferent({ bytes, objects, wasBytes, wasObjects }: Recount): boolean {
  return bytes !== wasBytes || objects !== wasObjects;
}

export function recountLine({ owner, target, bytes, objects, wasBytes, wasObjects }: Recount): string {
  const shown = (count: number, size: number): string => `${formatCount(count)} objects, ${formatCount(size)} bytes`;
  return safeText(`${owner}/${target}: ${shown(objects, bytes)}; counted were ${shown(wasObjects, wasBytes)}`);
}
