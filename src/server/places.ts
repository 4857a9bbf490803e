/** What somebody may do in a target, by who owns it and what was granted. */
import { NeoError } from '../core/errors.ts';
import type { Role } from '../protocol/control.ts';
import type { Principal } from './principal.ts';
import { lesserRole } from './rights.ts';

/** A target as somebody may see it. */
export interface Place {
  readonly id: string;
  readonly owner: { readonly id: string; readonly name: string };
  readonly name: string;
  /** `share`: may read these shares and nothing else. `replica`: another server, which stores here. */
  readonly role: Role | 'share' | 'replica';
  /** Ids. */
  readonly shares: readonly string[];
  /** Until when that holds, milliseconds since 1970. */
  readonly until: number | undefined;
}

/** A target with one of the grants of whoever asks; without a role there is none. */
export interface TargetRow {
  readonly id: string;
  readonly name: string;
  readonly ownerId: string;
  readonly owner: string;
  readonly isOwnerDisabled: number;
  readonly isCopy: number;
  readonly ownerExpires: number | null;
  readonly share: string | null;
  readonly role: Role | null;
  readonly expires: number | null;
}

/**
 * The owner may do all, others what they are granted; neither more than the device or the token may.
 * @param rows of one target, at least one
 * @param now milliseconds since 1970
 */
export function placeFor(principal: Principal, rows: readonly TargetRow[], now: number): Place | undefined {
  const [row] = rows;
  const only = principal.token?.target;
  if (row === undefined || (only !== undefined && only !== row.id)) return undefined;
  const { id, name, ownerId, owner } = row;
  const place = { id, name, owner: { id: ownerId, name: owner } };
  if (principal.account.isReplica) {
    const mayStore = principal.account.reachesAll || row.isCopy === 1;
    return mayStore ? { ...place, role: 'replica', shares: [], until: undefined } : undefined;
  }
  if (ownerId === principal.account.id) return { ...place, role: principal.role, shares: [], until: undefined };
  if (row.isOwnerDisabled === 1 || (row.ownerExpires !== null && row.ownerExpires <= now)) return undefined;
  return grantedPlace(principal, place, rows, now);
}

function grantedPlace(
  principal: Principal,
  place: Pick<Place, 'id' | 'name' | 'owner'>,
  rows: readonly TargetRow[],
  now: number,
): Place | undefined {
  const grants = rows.filter(({ role, expires }) => role !== null && (expires === null || expires > now));
  const role = grants.find(({ share }) => share === '')?.role ?? undefined;
  const shares = grants.flatMap(({ share }) => (share === null || share === '' ? [] : [share]));
  if (role === undefined && shares.length === 0) return undefined;
  const until = earliest(rows[0]?.ownerExpires, ...grants.map(({ expires }) => expires));
  return { ...place, role: role === undefined ? 'share' : lesserRole(role, principal.role), shares, until };
}

/** Of one's own targets one may know which there are; of others' nobody is told whether there is one. */
export function noPlace({ account, token }: Principal, target: string): NeoError {
  const [owner, name] = target.includes(':') ? target.split(':', 2) : [account.name, target];
  const isOwn = account.parent === undefined && owner === account.name && token?.target === undefined;
  if (!isOwn) return new NeoError('permission-denied', `${target} is not one of the targets that you may look into`);
  return new NeoError('no-repository', `there is no target ${name}`, {
    hint: 'neo target list shows those that there are; neo target create makes one',
  });
}

/** Of times that may be missing. */
export function earliest(...times: readonly (number | null | undefined)[]): number | undefined {
  const given = times.filter((time) => typeof time === 'number');
  return given.length === 0 ? undefined : Math.min(...given);
}
