/**
 * Two valid configurations of one epoch: two rotated keys in the same moment, or one died before it withdrew. Readers follow
 * one of them and nobody writes, until somebody decides (docs/decisions/0016-rotation.md).
 */
import { isNeoError, NeoError } from '../core/errors.ts';
import { clientId, type ObjectName } from '../core/ids.ts';
import { certificateIsValid, decodeCertificate } from '../repo/certificate.ts';
import { type ConfigObject, followChain } from '../repo/config.ts';
import { configPath, readConfigs } from '../repo/config-objects.ts';
import { decodeSlot, openListing } from '../repo/key-slots.ts';
import { type Repository, renewalPath, requireFull } from '../repo/repository.ts';
import { decodeSealedSigned, type Issuers } from '../repo/signed-object.ts';
import { decodeSnapshot } from '../snapshot/snapshot.ts';

/** One that claims the epoch. */
export interface Claimant {
  readonly name: ObjectName;
  /** When storage received it, milliseconds. */
  readonly stored: number;
  /** The key in use goes by it. */
  readonly followed: boolean;
  /** The key in use has been renewed for it. */
  readonly opens: boolean;
  /** What was made under it, or under one that follows it, and is believed only as long as it is there. */
  readonly snapshots: number;
  /** Removals, records, tombs and key slots. */
  readonly others: number;
}

export interface RepairConfigOptions {
  /** The start of a name: the others go. Absent: they are only looked at. */
  readonly keep?: string;
  /** Also if something was made under one that goes. */
  readonly evenUsed: boolean;
  readonly dryRun: boolean;
}

export interface RepairConfigSummary {
  readonly epoch: number;
  /** Oldest first. */
  readonly claimants: readonly Claimant[];
  readonly kept: ObjectName | undefined;
  /** Paths that go: configurations, and what follows or belongs to them. */
  readonly removed: readonly string[];
}

/**
 * Undefined where there is nothing to decide. The configuration goes first: then the other one is in force.
 * @throws NeoError permission-denied without role full, and for one in which the key in use was left out; usage for a name
 * that is none of them; failed when something was made under one that goes
 */
export async function repairConfig(
  repository: Repository,
  { keep, evenUsed, dryRun }: RepairConfigOptions,
): Promise<RepairConfigSummary | undefined> {
  requireFull(repository, 'decide between configurations');
  const { conflict } = repository.chain;
  if (conflict === undefined) return undefined;
  const { epoch, names } = conflict;
  const objects = await readConfigs(repository.backend);
  const claims = await Promise.all(names.map((name) => claimOf(repository, objects, epoch, name)));
  claims.sort((a, b) => a.claimant.stored - b.claimant.stored);
  const claimants = claims.map(({ claimant }) => claimant);
  if (keep === undefined) return { epoch, claimants, kept: undefined, removed: [] };
  const kept = choose(claimants, keep);
  const going = claims.filter(({ claimant }) => claimant !== kept);
  const used = going.find(({ claimant: { snapshots, others } }) => snapshots + others > 0);
  if (used !== undefined && !evenUsed) throw wasUsed(used.claimant);
  const removed = (await Promise.all(going.map((claim) => pathsOf(repository, claim)))).flat();
  if (!dryRun) for (const path of removed) await repository.backend.remove(path);
  return { epoch, claimants, kept: kept.name, removed };
}

function choose(claimants: readonly Claimant[], keep: string): Claimant {
  const [kept, ...others] = claimants.filter(({ name }) => name.startsWith(keep));
  if (kept === undefined || others.length > 0) {
    throw new NeoError('usage', `--keep ${keep} is ${kept === undefined ? 'none' : 'more than one'} of them`, {
      hint: 'see: neo repair config',
    });
  }
  if (kept.opens) return kept;
  throw new NeoError('permission-denied', `the key in use was left out of ${kept.name.slice(0, 8)}`, {
    hint: 'use a key that stays, or keep another one',
  });
}

function wasUsed({ name, snapshots, others }: Claimant): NeoError {
  const what = `${snapshots} snapshots and ${others} other objects were made under ${name.slice(0, 8)}`;
  return new NeoError('failed', `${what}: nobody would believe or open them any more`, {
    hint: 'keep that one; or restore them first, and say --yes',
  });
}

interface Claim {
  readonly claimant: Claimant;
  /** It, and what follows it. */
  readonly chain: readonly { readonly epoch: number; readonly name: ObjectName }[];
}

async function claimOf(
  repository: Repository,
  objects: readonly ConfigObject[],
  epoch: number,
  name: ObjectName,
): Promise<Claim> {
  const { engine, backend, client, chain: followed, renewalFault, slot } = repository;
  const links = followChain(engine, objects, slot.config0, name).configs.filter(({ config }) => config.epoch >= epoch);
  const issuers: Issuers = new Map(links.map(({ config }) => [config.epoch, config.signPublic]));
  const isFollowed = followed.configs.some((link) => link.name === name);
  const opens =
    (isFollowed && renewalFault === undefined) || (await backend.stat(renewalPath(client, epoch, name))) !== undefined;
  const claimant = {
    name,
    stored: (await backend.stat(configPath(epoch, name)))?.modified ?? 0,
    followed: isFollowed,
    opens,
    ...(await madeUnder({ ...repository, issuers })),
  };
  return { claimant, chain: links.map((link) => ({ epoch: link.config.epoch, name: link.name })) };
}

/** What verifies with these issuers alone. */
async function madeUnder(context: Repository): Promise<Pick<Claimant, 'snapshots' | 'others'>> {
  const { keys } = context;
  const snapshots = await count(context, 'snapshots', (bytes) => decodeSnapshot(context, bytes));
  let others = await count(context, 'keys', (bytes, path) => requireSlot(context, path, bytes));
  for (const [folder, kind] of [
    ['removals', 'removal'],
    ['records', 'record'],
    ['tombs', 'tomb'],
  ] as const) {
    others += await count(context, folder, (bytes) => decodeSealedSigned(context, kind, keys.index, bytes));
  }
  return { snapshots, others };
}

async function count(
  { backend }: Repository,
  folder: string,
  verify: (bytes: Uint8Array, path: string) => unknown,
): Promise<number> {
  let found = 0;
  for await (const { path } of backend.list(folder)) {
    const bytes = await backend.get(path);
    if (bytes === undefined) continue;
    try {
      verify(bytes, path);
      found += 1;
    } catch (error) {
      if (!isNeoError(error, 'integrity') && !isNeoError(error, 'needs-newer-neo')) throw error;
    }
  }
  return found;
}

/** A first slot: renewals come with the configuration, and go with it. @throws NeoError integrity for any other */
function requireSlot({ engine, repository, keys, issuers }: Repository, path: string, bytes: Uint8Array): void {
  const id = /^keys\/([0-9a-f]{32})\/0$/.exec(path)?.[1];
  if (id === undefined) throw new NeoError('integrity', 'no first slot');
  const certificate = decodeCertificate(openListing(engine, keys.index, decodeSlot(clientId(id), bytes)).certificate);
  if (certificateIsValid(engine, repository, certificate, issuers.get(certificate.epoch))) return;
  throw new NeoError('integrity', 'a key slot of another epoch');
}

/** The configuration first, what follows it, and the renewals for them. */
async function pathsOf({ backend }: Repository, { chain }: Claim): Promise<string[]> {
  const paths = chain.map(({ epoch, name }) => configPath(epoch, name));
  const endings = chain.map(({ epoch, name }) => `/${epoch}-${name}`);
  for await (const { path } of backend.list('keys')) if (endings.some((end) => path.endsWith(end))) paths.push(path);
  return paths;
}
