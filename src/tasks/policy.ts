/** The rules of retention that the repository keeps, so that everybody's `neo forget` says the same. */
import { type Span, spanText } from '../core/calendar.ts';
import { NeoError } from '../core/errors.ts';
import { type VersionRules, versionRulesText } from '../core/version-rules.ts';
import { requireFeatures, requireOneConfig } from '../repo/config.ts';
import type { ObjectFault } from '../repo/named-objects.ts';
import { listRecords, putRecord } from '../repo/record.ts';
import { type Repository, requireFull } from '../repo/repository.ts';
import { type Policy, type PolicyScope, policiesOf, storedKeep, storedScope } from '../snapshot/policy.ts';
import { hasRules, type RetentionRules } from '../snapshot/retention.ts';
import { type VersionPolicy, versionPoliciesOf } from '../snapshot/version-policy.ts';

export interface PolicyListing {
  /** Which contents of files stay when their snapshots go. */
  readonly versions: readonly VersionPolicy[];
  /** The one for everybody first, then by path and host. */
  readonly policies: readonly Policy[];
  /** Records that do not count. */
  readonly faults: readonly ObjectFault[];
}

export async function listPolicies(repository: Repository): Promise<PolicyListing> {
  const records = await listRecords(repository);
  const order = ({ host = '', path = new Uint8Array() }: PolicyScope): string =>
    `${Buffer.from(path).toString('latin1')}\0${host}`;
  const inOrder = <P extends PolicyScope>(all: P[]): P[] => all.sort((a, b) => (order(a) < order(b) ? -1 : 1));
  const versions = inOrder(versionPoliciesOf(records));
  return { policies: inOrder(policiesOf(records)), versions, faults: records.faults };
}

/**
 * In place of the one that the same host and path had.
 * @throws NeoError usage without a rule; permission-denied without role full
 */
export async function setPolicy(
  repository: Repository,
  scope: PolicyScope,
  rules: RetentionRules,
  { dryRun }: { readonly dryRun: boolean },
): Promise<void> {
  requireWriter(repository);
  if (!hasRules(rules)) {
    throw new NeoError('usage', 'nothing says which snapshots stay', { hint: 'such as --keep-daily 30; see --help' });
  }
  if (!dryRun) await put(repository, scope, rules);
}

/** @throws NeoError failed when there is none for that host and path; permission-denied without role full */
export async function removePolicy(repository: Repository, scope: PolicyScope): Promise<void> {
  requireWriter(repository);
  const wanted = JSON.stringify(storedScope(scope));
  const { policies, versions } = await listPolicies(repository);
  const isMeant = (policy: PolicyScope): boolean => JSON.stringify(storedScope(policy)) === wanted;
  const [some, ofVersions] = [policies.some(isMeant), versions.some(isMeant)];
  if (!some && !ofVersions) {
    throw new NeoError('failed', 'there is no such policy', { hint: 'see what there is: neo policy show' });
  }
  if (some) await put(repository, scope, undefined);
  if (ofVersions) await putVersions(repository, scope, undefined);
}

/** What `neo policy set --versions` says. */
export interface VersionWishes {
  readonly rules: VersionRules;
  readonly keepDeleted?: Span;
}

/**
 * In place of the one that the same host and path had.
 * @param wishes undefined: none any more
 * @throws NeoError permission-denied without role full
 */
export async function setVersionPolicy(
  repository: Repository,
  scope: PolicyScope,
  wishes: VersionWishes | undefined,
  { dryRun }: { readonly dryRun: boolean },
): Promise<void> {
  requireWriter(repository);
  if (!dryRun) await putVersions(repository, scope, wishes);
}

async function putVersions(
  repository: Repository,
  scope: PolicyScope,
  wishes: VersionWishes | undefined,
): Promise<void> {
  const time = await repository.backend.now();
  const rules = wishes === undefined ? null : versionRulesText(wishes.rules);
  const deleted = wishes?.keepDeleted === undefined ? {} : { deleted: spanText(wishes.keepDeleted) };
  const record = { type: 'versions' as const, time, ...storedScope(scope), rules, ...deleted };
  await putRecord(repository, await listRecords(repository), record);
}

function requireWriter(repository: Repository): void {
  requireFeatures(repository.config, 'write');
  requireOneConfig(repository.chain);
  requireFull(repository, 'set a policy');
}

async function put(repository: Repository, scope: PolicyScope, rules: RetentionRules | undefined): Promise<void> {
  const time = await repository.backend.now();
  const keep = rules === undefined ? null : storedKeep(rules);
  await putRecord(repository, await listRecords(repository), { type: 'policy', time, ...storedScope(scope), keep });
}
