/** Compares all that there is with what a replica has, and puts into the queue what it lacks. What it costs follows what differs. */
import type { ReplicaClient } from '../../backends/neo-replica.ts';
import { isNeoError, messageOf } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';
import type { Engine } from '../../engine/engine.ts';
import { differences, type Held } from '../../protocol/object-tree.ts';
import { type Delivery, type DeliveryFacts, type NamedTarget, namedTargets } from './delivery.ts';
import { challenge } from './proofs.ts';
import { LATE, type News } from './queue.ts';
import type { Trees } from './trees.ts';

export interface Compared {
  /** Put into the queue. */
  readonly missing: number;
  /** What could not be compared, or is not the same at both ends. */
  readonly problems: readonly string[];
}

/** What others rest on is sent first. */
const FIRST = ['keys/', 'packs/', 'index/'];

export interface ComparingFacts extends DeliveryFacts {
  readonly trees: Trees;
  readonly engine: Engine;
  readonly random: Random;
}

export async function compareAll(
  facts: ComparingFacts,
  replica: { readonly id: string },
  client: ReplicaClient,
  delivery: Delivery,
): Promise<Compared> {
  const problems: string[] = [];
  let missing = 0;
  for (const target of await namedTargets(facts.db).execute()) {
    const name = `${target.owner}:${target.name}`;
    try {
      const found = await lackedBy(facts, target, client, delivery);
      missing += found.news.length;
      await facts.queue.insertFor(replica.id, found.news);
      problems.push(...found.conflicts.map((path) => `${name}: ${path} is another object there`));
      problems.push(...found.unproved.map((path) => `${name}: ${path} is not there, though it says so`));
    } catch (error) {
      if (!isNeoError(error) || error.code === 'unreachable') throw error;
      problems.push(`${name}: ${messageOf(error)}`);
    }
  }
  return { missing, problems };
}

async function lackedBy(
  { targets, trees, site, engine, random }: ComparingFacts,
  target: NamedTarget,
  client: ReplicaClient,
  delivery: Delivery,
): Promise<{
  readonly news: readonly Omit<News, 'via'>[];
  readonly conflicts: readonly string[];
  readonly unproved: readonly string[];
}> {
  const storage = await targets.open({ id: target.id, owner: { id: target.ownerId } });
  await delivery.offer(target, storage, []);
  const tree = await trees.of(target.id, storage, true);
  const lacked: Held[] = [];
  const conflicts: string[] = [];
  const ask = (prefixes: readonly string[]) => client.tree(`${target.owner}:${target.name}`, prefixes);
  for await (const { here, there } of differences(tree, ask)) {
    if (here === undefined) continue;
    if (here.turns > (there?.turns ?? 0)) lacked.push(here);
    else if (here.turns === there?.turns) conflicts.push(here.path);
  }
  const differ = new Set([...lacked.map(({ path }) => path), ...conflicts]);
  const both = tree.held('').filter(({ path }) => !differ.has(path));
  const { owner, name } = target;
  const { lacking, unproved } = await challenge({ engine, random }, storage, both, async (nonce, paths) => {
    return (await client.prove({ owner, target: name, nonce, paths: [...paths] })).proofs;
  });
  lacked.push(...lacking);
  lacked.sort((one, other) => rank(one) - rank(other));
  const news = lacked.map(({ path, turns }) => {
    const action: News['action'] = turns % 2 === 1 ? 'put' : 'remove';
    return { target: target.id, path, action, origin: site };
  });
  return { news, conflicts, unproved };
}

function rank({ path, turns }: Held): number {
  if (turns % 2 === 0) return 20;
  const first = FIRST.findIndex((folder) => path.startsWith(folder));
  if (first >= 0) return first;
  const last = LATE.findIndex((folder) => path.startsWith(folder));
  return last < 0 ? FIRST.length : 10 + last;
}
