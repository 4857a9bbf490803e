/** Records: what counts of several about one subject, and who may make them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientId, objectName } from '../../src/core/ids.ts';
import { canonicalJson, type Json } from '../../src/core/json.ts';
import { isPinned, isRevoked, listRecords, type NewRecord, putRecord } from '../../src/repo/record.ts';
import { encodeSealedSigned } from '../../src/repo/signed-object.ts';
import { tempRepository } from '../support/temp-repository.ts';
import { Scene } from '../tasks/write-only-support.ts';

const SUBJECT = 'ab'.repeat(32);
const snapshot = objectName(SUBJECT);
const client = clientId('cd'.repeat(16));

async function repositoryWith(...bodies: readonly Json[]) {
  const repository = await (await tempRepository({})).open();
  for (const body of bodies) await store(repository, body);
  return repository;
}

type Opened = Awaited<ReturnType<Awaited<ReturnType<typeof tempRepository>>['open']>>;

async function store(repository: Opened, body: Json): Promise<string> {
  const { keys, signer, backend, engine } = repository;
  const bytes = encodeSealedSigned(repository, 'record', keys.index, signer, canonicalJson(body));
  const name = Buffer.from(engine.blake3(bytes)).toString('hex');
  await backend.put(`records/${name}`, bytes);
  return name;
}

function pinBody(counter: number, pinned: boolean, until?: number): Json {
  return { v: 1, type: 'pin', subject: SUBJECT, counter, time: 1, pinned, ...(until === undefined ? {} : { until }) };
}

describe('of several records about one subject', () => {
  it('the one with the highest counter counts, in whatever order they lie', async () => {
    const pinned = fc.record({ counter: fc.integer({ min: 1, max: 5 }), pinned: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(pinned, { selector: ({ counter }) => counter, minLength: 1 }), async (pins) => {
        const repository = await repositoryWith(...pins.map((each) => pinBody(each.counter, each.pinned)));
        const last = pins.reduce((a, b) => (a.counter > b.counter ? a : b));
        expect(isPinned(await listRecords(repository), snapshot, 0)).toBe(last.pinned);
      }),
      { numRuns: 20 },
    );
  });

  it.each<[string, Json, Json, (found: Awaited<ReturnType<typeof listRecords>>) => boolean]>([
    ['pinned', pinBody(3, false), pinBody(3, true, 10), (found) => isPinned(found, snapshot, 9)],
    ['for longer', pinBody(3, true, 10), pinBody(3, true, 20), (found) => isPinned(found, snapshot, 19)],
    ['for ever', pinBody(3, true, 10), pinBody(3, true), (found) => isPinned(found, snapshot, 1e15)],
    ['revoked', revoke(2, false, []), revoke(2, true, [SUBJECT]), (found) => isRevoked(found, client, other)],
    ['less accepted', revoke(2, true, [SUBJECT]), revoke(2, true, []), (found) => isRevoked(found, client, snapshot)],
  ])('the stricter one counts of two that were made at once: %s', async (_, weaker, stricter, holds) => {
    for (const bodies of [
      [weaker, stricter],
      [stricter, weaker],
    ]) {
      expect(holds(await listRecords(await repositoryWith(...bodies)))).toBe(true);
    }
  });

  it('a later statement has a higher counter than all that were seen', async () => {
    const repository = await repositoryWith(pinBody(7, true));
    await putRecord(repository, await listRecords(repository), pin(false));
    expect(isPinned(await listRecords(repository), snapshot, 0)).toBe(false);
    await putRecord(repository, await listRecords(repository), pin(true));
    const found = await listRecords(repository);
    expect([isPinned(found, snapshot, 0), found.counters.get(`pin ${SUBJECT}`)]).toEqual([true, 9]);
  });
});

const other = objectName('ef'.repeat(32));

function revoke(counter: number, revoked: boolean, accepted: readonly string[]): Json {
  return { v: 1, type: 'revoke', subject: client, counter, time: 1, revoked, accepted };
}

function pin(pinned: boolean): NewRecord {
  return { type: 'pin', subject: SUBJECT, time: 1, pinned };
}

describe('a record', () => {
  it('of a key that may only write says nothing, and it is told', async () => {
    const scene = await Scene.make();
    const thief = await (await scene.add('write', 'thief')).repository();
    const name = await store(thief, pinBody(9, true));
    const { pins, faults } = await listRecords(await scene.full.repository());
    expect([pins.size, faults]).toEqual([0, [{ name, reason: 'its maker may only write' }]]);
    await expect(putRecord(thief, await listRecords(thief), pin(true))).rejects.toMatchObject({
      code: 'permission-denied',
    });
  });

  it.each<[string, Json]>([
    ['a type of a later version', { v: 1, type: 'promise', subject: 'x', counter: 1, time: 1 }],
    ['a rule of a later version', policy({ keep: { last: 3, moons: 4 } })],
    ['a subject that is not its own', policy({ subject: '["laptop",null]' })],
    ['no counter', { v: 1, type: 'confirm', subject: SUBJECT, time: 1 }],
    ['a path for a name', { v: 1, type: 'confirm', subject: '../config', counter: 1, time: 1 }],
  ])('with %s is a fault, and the others count', async (_, body) => {
    const repository = await repositoryWith(body, pinBody(1, true));
    const { pins, policies, faults } = await listRecords(repository);
    expect([pins.size, policies.length, faults.length]).toEqual([1, 0, 1]);
  });

  it('that is cut short, or lies under another name, is a fault', async () => {
    const repository = await repositoryWith();
    const name = await store(repository, pinBody(1, true));
    const bytes = (await repository.backend.get(`records/${name}`)) ?? new Uint8Array();
    await repository.backend.remove(`records/${name}`);
    await repository.backend.put(`records/${name}`, bytes.subarray(0, -1));
    await repository.backend.put(`records/${SUBJECT}`, bytes);
    const { pins, faults } = await listRecords(repository);
    expect([pins.size, faults.length]).toEqual([0, 2]);
  });
});

function policy(more: { readonly [key: string]: Json }): Json {
  return { v: 1, type: 'policy', subject: '[null,null]', counter: 1, time: 1, keep: { last: 3 }, ...more };
}
