/** The rules of retention that the repository keeps, so that everybody's `neo forget` says the same. */
import { NeoError } from '../core/errors.ts';
import { requireFeatures, requireOneConfig } from '../repo/config.ts';
import type { ObjectFault } from '../repo/named-objects.ts';
import { listRecords, putRecord } from '../repo/record.ts';
import { type Repository, requireFull } from '../repo/repository.ts';
import { type Policy, type PolicyScope, policiesOf, storedKeep, storedScope } from '../snapshot/policy.ts';
import { hasRules, type RetentionRules } from '../snapshot/retention.ts';

export interface PolicyListing {
  /** The one for everybody first, then by path and host. */
  readonly policies: readonly Policy[];
  /** Records that do not count. */
  readonly faults: readonly ObjectFault[];
}

export async function listPolicies(repository: Repository): Promise<PolicyListing> {
  const records = await listRecords(repository);
  const order = ({ host = '', path = new Uint8Array() }: PolicyScope): string =>
    `${Buffer.from(path).toString('latin1')}\0${host}`;
  const policies = policiesOf(records).sort((a, b) => (order(a) < order(b) ? -1 : 1));
  return { policies, faults: records.faults };
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
  const { policies } = await listPolicies(repository);
  if (!policies.some((policy) => JSON.stringify(storedScope(policy)) === wanted)) {
    throw new NeoError('failed', 'there is no such policy', { hint: 'see what there is: neo policy show' });
  }
  await put(repository, scope, undefined);
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
