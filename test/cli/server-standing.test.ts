/** How a server stands: what is asked of it, and what of the answers is printed. */
import { describe, expect, it } from 'vitest';
import { type Asked, followStanding, type Standing } from '../../src/cli/server-standing.ts';
import { StandingPrinter } from '../../src/cli/server-standing-json.ts';
import { NeoError } from '../../src/core/errors.ts';
import type { ReplicaStatus } from '../../src/protocol/replication.ts';

const TIME = Date.parse('2026-12-01T12:00:00.000Z');
const SITE = '01234567-89ab-4def-8123-456789abcdef';
const replica = (name: string, more: Partial<ReplicaStatus> = {}): ReplicaStatus => ({
  ...{ name, location: 'neo://munich.example', site: SITE, created: TIME, state: 'waiting', queued: 0, since: null },
  ...{ error: null, compared: TIME, sentObjects: 1, sentBytes: 2, witnessed: null },
  ...more,
});
const ledger = (entries: number, witnessed: number | null = null, key = 'aa', time = TIME): Standing => ({
  type: 'ledger',
  ledger: { key, entries, witnessed, time },
});
const replicas = (...all: ReplicaStatus[]): Standing => ({ type: 'replicas', replicas: all, time: TIME });

async function printed(...standings: Standing[]): Promise<Record<string, unknown>[]> {
  const all: Record<string, unknown>[] = [];
  const printer = new StandingPrinter({
    async object(type, body) {
      all.push({ type, ...body });
    },
  });
  for (const standing of standings) await printer.print(standing);
  return all;
}

/** What is told of the first answers. */
async function asked(answers: Readonly<Record<string, unknown>>): Promise<Standing[]> {
  const over = new AbortController();
  const call = async (verb: string): Promise<unknown> => {
    setTimeout(() => over.abort(), 50);
    if (answers[verb] === undefined) throw new NeoError('usage', `there is no ${verb}`);
    return answers[verb];
  };
  const told: Standing[] = [];
  const tell = (standing: Standing): void => void told.push(standing);
  await followStanding({ call } as Asked, () => true, tell, over.signal);
  return told;
}

describe('programs', () => {
  it('are told of what has changed, and of nothing else', async () => {
    const all = await printed(
      ...[ledger(5), replicas(replica('munich'), replica('oslo'))],
      ...[ledger(5, null, 'aa', TIME + 2_000), replicas(replica('munich'), replica('oslo'))],
      ...[ledger(7, 6, 'aa', TIME + 4_000), replicas(replica('munich', { queued: 3, since: TIME }))],
      replicas(replica('munich', { queued: 3, since: TIME })),
    );
    const time = (seconds: number): string => new Date(TIME + 1_000 * seconds).toISOString();
    expect(all).toEqual([
      { type: 'ledger', time: time(0), key: 'aa', entries: 5, added: 0, witnessed: null },
      expect.objectContaining({ type: 'replica', name: 'munich', queued: 0, since: null }),
      expect.objectContaining({ type: 'replica', name: 'oslo' }),
      { type: 'ledger', time: time(4), key: 'aa', entries: 7, added: 2, witnessed: 6 },
      expect.objectContaining({ type: 'replica', name: 'munich', queued: 3, since: time(0) }),
      { type: 'replica', name: 'oslo', state: 'removed' },
    ]);
  });

  it('see a ledger begin anew', async () => {
    const all = await printed(ledger(5), ledger(3), ledger(4), ledger(9, null, 'bb'));
    expect(all.map(({ added }) => added)).toEqual([0, 0, 1, 0]);
  });
});

describe('a server', () => {
  const head = { key: 'aa', head: { size: 9, time: TIME }, consistency: [] };

  it('is asked for both', async () => {
    const witnesses = [{ size: 7 }, { size: 8 }];
    expect(await asked({ 'ledger-head': { ...head, witnesses }, replicas: { replicas: [replica('munich')] } })).toEqual(
      [ledger(9, 8), replicas(replica('munich'))],
    );
  });

  it('of an older neo tells what it knows', async () => {
    expect(await asked({ 'ledger-head': head })).toEqual([ledger(9)]);
    expect(await asked({})).toEqual([]);
  });
});
