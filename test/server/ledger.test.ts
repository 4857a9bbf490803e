/** The ledger: who tampers with it is found, by the number of the entry. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EntryCheck } from '../../src/backends/neo-ledger.ts';
import { toHex } from '../../src/core/bytes.ts';
import { systemRandom } from '../../src/core/random.ts';
import { loadEngine } from '../../src/engine/load.ts';
import { nodeHash } from '../../src/engine/merkle.ts';
import { entryHash, type LedgerEntry, readHeader } from '../../src/protocol/ledger.ts';
import { checkHead, type KnownLedger } from '../../src/protocol/ledger-check.ts';
import type { Database } from '../../src/server/database/open.ts';
import { Deeds } from '../../src/server/ledger/deeds.ts';
import { Ledger } from '../../src/server/ledger/ledger.ts';
import { Turns } from '../../src/server/replication/turns.ts';
import { DatabaseFolder } from '../support/server-database.ts';
import { SimClock } from '../support/sim-clock.ts';

const engine = await loadEngine();
const SITE = '01234567-89ab-4def-8123-456789abcdef';
const SEED = new Uint8Array(32).fill(7);
const RECORDS = 100;

let folder: DatabaseFolder;
let database: Database;
let ledger: Ledger;

const open = (seed = SEED) =>
  Ledger.open({ db: database.db, engine, clock: new SimClock(1000), random: systemRandom, site: SITE, seed });

beforeEach(async () => {
  folder = await DatabaseFolder.make();
  database = await folder.open();
  ledger = await open();
  for (let n = 2; n <= RECORDS; n++)
    await ledger.record({ kind: 'record', content: { n }, readers: n % 10 === 0 ? ['ann'] : [] });
});
afterEach(() => folder.remove());

/** As a client that has seen the ledger so far, or never. */
async function look(known?: KnownLedger): Promise<KnownLedger> {
  const { head, consistency } = await ledger.head(known?.size ?? 0);
  return checkHead(engine, known, { key: toHex(ledger.key), head, consistency });
}

/** As `neo ledger verify` does, of an administrator or of an account. */
async function verify(known?: KnownLedger, reader?: string): Promise<number[]> {
  const now = await look(known);
  const check = new EntryCheck(engine, { now, before: known, isWhole: reader === undefined });
  const seen: number[] = [];
  for (let after: number | null = 0; after !== null; ) {
    const page: Awaited<ReturnType<Ledger['entries']>> = await ledger.entries(after, now.size, reader);
    for (const { entry, inclusion } of page.entries) seen.push(check.next(entry, inclusion).header.seq);
    after = page.next;
  }
  check.end();
  return seen;
}

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, n) => from + n);

describe('a ledger that nobody has touched', () => {
  it('is whole, and continues what it was', async () => {
    expect(await verify()).toEqual(numbers(1, RECORDS));
    const known = await look();
    await ledger.record({ kind: 'record', content: {}, readers: [] });
    expect(await verify(known)).toEqual(numbers(1, RECORDS + 1));
  });

  it('shows an account its own entries, each proved', async () => {
    expect(await verify(undefined, 'ann')).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
    expect(await verify(undefined, 'bob')).toEqual([]);
  });

  it('goes on where it was after a start, with the same key', async () => {
    const known = await look();
    ledger = await open();
    await ledger.record({ kind: 'record', content: {}, readers: [] });
    expect(await verify(known)).toEqual(numbers(1, RECORDS + 1));
  });

  it('has each of many that come at once, once', async () => {
    const deeds = numbers(1, 200).map((at) => ledger.record({ kind: 'record', content: { at }, readers: ['zoe'] }));
    await Promise.all(deeds);
    expect(await verify()).toEqual(numbers(1, RECORDS + 200));
    const { entries } = await ledger.entries(0, RECORDS + 200, 'zoe');
    expect(entries.map(({ entry }) => (JSON.parse(entry.content) as { at: number }).at)).toEqual(numbers(1, 200));
  });

  it('pages through what is more than one answer', async () => {
    for (let n = 0; n < 150; n++) await ledger.record({ kind: 'record', content: {}, readers: ['ann'] });
    expect((await ledger.entries(0, 250, undefined)).next).toBe(200);
    expect(await verify()).toHaveLength(250);
    // A removal of many objects is some hundred KiB.
    for (let n = 0; n < 8; n++)
      await ledger.record({ kind: 'record', content: { x: 'x'.repeat(900_000) }, readers: [] });
    expect((await ledger.entries(250, 258, undefined)).next).toBe(255);
    expect(await verify()).toHaveLength(258);
  });
});

/** Of the row of one entry, past the server. */
async function change(seq: number, more: Record<string, string | number | null>): Promise<void> {
  await database.db.updateTable('ledger').where('seq', '=', seq).set(more).execute();
}

async function rowOf(seq: number): Promise<LedgerEntry & { readonly hash: string }> {
  return database.db.selectFrom('ledger').where('seq', '=', seq).selectAll().executeTakeFirstOrThrow();
}

/** One byte of a text is another one. */
const flipped = (text: string, at: number): string => {
  const other = text[at] === '0' ? '1' : '0';
  return text.slice(0, at) + other + text.slice(at + 1);
};

/** With all hashes and nodes made anew: what whoever has the disk, and not the key, can do at best. */
async function rebuild(): Promise<void> {
  const rows = await database.db.selectFrom('ledger').selectAll().orderBy('seq').execute();
  await database.db.deleteFrom('ledger_nodes').execute();
  const level: string[] = Array.from({ length: rows.at(-1)?.seq ?? 0 }, () => '00'.repeat(32));
  for (const { seq, header, signature } of rows) {
    const hash = toHex(entryHash(header, /^[0-9a-f]{128}$/.test(signature) ? signature : '00'.repeat(64)));
    level[seq - 1] = hash;
    await change(seq, { hash });
  }
  for (let [height, hashes] = [1, level]; hashes.length > 1; height++) {
    const above: string[] = [];
    for (let i = 0; i + 1 < hashes.length; i += 2) {
      const hash = toHex(nodeHash(Buffer.from(hashes[i] ?? '', 'hex'), Buffer.from(hashes[i + 1] ?? '', 'hex')));
      await database.db
        .insertInto('ledger_nodes')
        .values({ level: height, place: i / 2, hash })
        .execute();
      above.push(hash);
    }
    hashes = above;
  }
}

async function remove(from: number, to = from): Promise<void> {
  await database.db.deleteFrom('ledger_readers').where('seq', '>=', from).where('seq', '<=', to).execute();
  await database.db.deleteFrom('ledger').where('seq', '>=', from).where('seq', '<=', to).execute();
}

/** Numbers anew from 50 on, so that no gap is seen. */
async function closeGap(): Promise<void> {
  await database.db.deleteFrom('ledger_readers').execute();
  for (let seq = 51; seq <= RECORDS; seq++) await change(seq, { seq: seq - 1 });
}

const TABLE: readonly (readonly [what: string, said: string, tamper: () => Promise<void>])[] = [
  [
    'one byte of the header of 50',
    'entry 50 of the ledger ',
    async () => change(50, { header: flipped((await rowOf(50)).header, 20) }),
  ],
  [
    'the time of 50',
    'entry 50 of the ledger is not signed',
    async () => change(50, { header: (await rowOf(50)).header.replace('"time":1000', '"time":1001') }),
  ],
  [
    'one byte of the content of 50',
    'entry 50 of the ledger has another content',
    async () => change(50, { content: '{"n":51}' }),
  ],
  [
    'one byte of the signature of 50',
    'entry 50 of the ledger is not signed',
    async () => change(50, { signature: flipped((await rowOf(50)).signature, 3) }),
  ],
  [
    'one byte of the salt of 50',
    'entry 50 of the ledger has another content',
    async () => change(50, { salt: flipped((await rowOf(50)).salt, 3) }),
  ],
  ['what is no header', 'entry 50 of the ledger is damaged', () => change(50, { header: '{}' })],
  ['what is no signature', 'entry 50 of the ledger is not signed', () => change(50, { signature: 'zz' })],
  ['50 is gone', 'entry 50 of the ledger ', () => remove(50)],
  [
    '50 is gone, and the others have moved up',
    'entry 50 of the ledger ',
    async () => {
      await remove(50);
      await closeGap();
    },
  ],
  [
    '50 and 51 are exchanged',
    'entry 50 of the ledger is entry 51',
    async () => {
      const [a, b] = [await rowOf(50), await rowOf(51)];
      await change(50, { ...b, seq: 50 });
      await change(51, { ...a, seq: 51 });
    },
  ],
  [
    '50 stands at 51 as well',
    'entry 51 of the ledger is entry 50',
    async () => change(51, { ...(await rowOf(50)), seq: 51 }),
  ],
  [
    '50 is of another ledger, with the same key',
    'entry 50 of the ledger is of another server',
    async () => {
      const other = await folder.open(undefined, `${folder.path}.other`);
      const site = SITE.replace('0', 'f');
      const theirs = await Ledger.open({
        db: other.db,
        engine,
        clock: new SimClock(1000),
        random: systemRandom,
        site,
        seed: SEED,
      });
      for (let n = 2; n <= 50; n++) await theirs.record({ kind: 'record', content: { n }, readers: [] });
      const row = await other.db.selectFrom('ledger').where('seq', '=', 50).selectAll().executeTakeFirstOrThrow();
      await change(50, row);
    },
  ],
];

describe.each([
  ['as it is', async () => undefined],
  ['and the tree made anew', rebuild],
])('is found, %s:', (_how, after) => {
  it.each(TABLE)('%s', async (_what, said, tamper) => {
    await tamper();
    await after();
    await expect(verify()).rejects.toMatchObject({ code: 'integrity', message: expect.stringContaining(said) });
  });
});

describe('whoever knew it finds', () => {
  it('that the end is gone', async () => {
    const known = await look();
    await remove(91, RECORDS);
    const gone = { code: 'integrity', message: expect.stringContaining('entry 91 of the ledger is gone: it had 100') };
    await expect(verify(known)).rejects.toMatchObject(gone);
    await expect(verify(known, 'ann')).rejects.toMatchObject(gone);
    // Nobody else can.
    await rebuild();
    expect(await verify()).toEqual(numbers(1, 90));
  });

  it('another history that was signed with the key', async () => {
    const known = await look();
    await remove(81, RECORDS);
    await rebuild();
    for (let n = 81; n <= RECORDS + 20; n++) await ledger.record({ kind: 'record', content: { n }, readers: ['ann'] });
    expect(await verify()).toHaveLength(RECORDS + 20);
    const another = { code: 'integrity', message: 'the first 100 entries of the ledger are not what they were' };
    await expect(verify(known)).rejects.toMatchObject(another);
    await expect(verify(known, 'ann')).rejects.toMatchObject(another);
  });

  it('another key', async () => {
    const known = await look();
    await remove(1, RECORDS);
    await database.db.deleteFrom('ledger_nodes').execute();
    ledger = await open(new Uint8Array(32).fill(8));
    await expect(verify(known)).rejects.toMatchObject({ message: 'the ledger has another key than it had before' });
  });

  it('what the tree was changed by', async () => {
    const known = await look();
    await database.db
      .updateTable('ledger_nodes')
      .where('level', '=', 6)
      .where('place', '=', 0)
      .set({ hash: '00'.repeat(32) })
      .execute();
    await ledger.record({ kind: 'record', content: {}, readers: [] });
    await expect(verify(known)).rejects.toMatchObject({ code: 'integrity' });
    await expect(verify(undefined, 'ann')).rejects.toMatchObject({
      message: 'entry 10 of the ledger does not stand in it',
    });
    await expect(verify()).rejects.toMatchObject({ message: 'the head of the ledger is not of these entries' });
  });
});

it('an entry has no more than its header says, and the salt hides the content', async () => {
  const [first, second] = (await ledger.entries(1, 3, undefined)).entries.map(({ entry }) => entry);
  expect(readHeader(first?.header ?? '')).toEqual({
    ...{ v: 1, site: SITE, seq: 2, time: 1000, kind: 'record' },
    prev: (await rowOf(1)).hash,
    payload: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  await ledger.record({ kind: 'record', content: { n: 2 }, readers: [] });
  expect(readHeader((await rowOf(RECORDS + 1)).header)?.payload).not.toBe(readHeader(first?.header ?? '')?.payload);
  expect(second?.seq).toBe(3);
});

describe('what happens in targets', () => {
  const place = {
    id: 'a'.repeat(32),
    owner: { id: 'ann', name: 'ann' },
    name: 'docs',
    role: 'admin',
    shares: [],
    until: undefined,
  } as const;
  const doer = { account: 'bob', by: 'bob@laptop' };
  const written = async () =>
    (await ledger.entries(RECORDS, (await look()).size, undefined)).entries.map(
      ({ entry }) => JSON.parse(entry.content) as { path?: string; objects?: [string, number][]; by: string },
    );

  it('is written down before an object goes, many in one entry', async () => {
    const deeds = new Deeds(ledger, new Turns(database.db));
    const paths = numbers(1, 60).map((n) => `packs/${n}`);
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let path = paths[next++]; path !== undefined; path = paths[next++]) {
        await deeds.removing(place, doer, path, 7);
        expect((await written()).flatMap(({ objects = [] }) => objects)).toContainEqual([path, 7]);
        await new Promise((resolve) => setTimeout(resolve, 2));
        deeds.removed();
      }
    };
    await Promise.all(numbers(1, 12).map(lane));
    const entries = await written();
    expect(entries.flatMap(({ objects = [] }) => objects.map(([path]) => path)).sort()).toEqual(paths.sort());
    expect(entries.length).toBeLessThan(30);
    expect(await verify(undefined, 'bob')).toHaveLength(entries.length);
  });

  it('of different people is in entries of their own', async () => {
    const deeds = new Deeds(ledger, new Turns(database.db));
    await Promise.all([doer, { account: 'eve', by: 'eve@x' }].map((who) => deeds.removing(place, who, 'index/1', 1)));
    expect((await written()).map(({ by }) => by).sort()).toEqual(['bob@laptop', 'eve@x']);
    expect(await verify(undefined, 'eve')).toHaveLength(1);
  });

  it('is written once of a snapshot that is put again, and not at all of other objects', async () => {
    const deeds = new Deeds(ledger, new Turns(database.db));
    await deeds.published(place, doer, 'packs/1', 9, true);
    await deeds.published(place, doer, 'snapshots/1', 9, true);
    await deeds.published(place, doer, 'snapshots/1', 9, false);
    // The server was killed before it wrote that down.
    await deeds.published(place, doer, 'snapshots/2', 9, false);
    expect((await written()).map(({ path }) => path)).toEqual(['snapshots/1', 'snapshots/2']);
  });

  it('that cannot be written down is refused', async () => {
    const deeds = new Deeds(ledger, new Turns(database.db));
    await database.db.schema.dropTable('ledger_readers').execute();
    await expect(deeds.removing(place, doer, 'packs/1', 1)).rejects.toThrow('ledger_readers');
    await expect(deeds.removing(place, doer, 'packs/2', 1)).rejects.toThrow('ledger_readers');
  });
});
