/** Memory of a connection is given back and used again while many bodies go both ways on it: each still gets its own bytes. */
import { setTimeout as later } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { openNeo } from '../../src/backends/neo.ts';
import { parseNeo } from '../../src/backends/neo-location.ts';
import { startOwnServer } from '../support/own-server.ts';
import { RawClient } from '../support/raw-client.ts';
import { SimRandom } from '../support/sim-random.ts';

const LANES = 12;
const TURNS = 25;
const KEPT = 40;

interface Stored {
  readonly path: string;
  readonly bytes: Uint8Array;
}

it('puts, gets and ranges of all sizes, and somebody who reads slowly', async () => {
  const server = await startOwnServer();
  const token = server.token('prune');
  const place = parseNeo(`neo://127.0.0.1:${server.port}/files`);
  const backend = openNeo(place, { trust: { fingerprint: server.fingerprint, token } });
  const by = new RawClient(server.port, { token });
  const stored: Stored[] = [];
  const pick = (random: SimRandom): Stored => stored[random.below(stored.length)] as Stored;

  const put = async (random: SimRandom, path: string): Promise<void> => {
    const bytes = random.bytes(random.below(3) === 0 ? random.below(2_000_000) : random.below(60_000));
    await backend.put(path, bytes);
    stored.push({ path, bytes });
    if (stored.length > KEPT) stored.shift();
  };
  const get = async (random: SimRandom): Promise<void> => {
    const { path, bytes } = pick(random);
    const [from, to] = [random.below(bytes.length + 1), random.below(bytes.length + 1)].sort((a, b) => a - b) as [
      number,
      number,
    ];
    const isWhole = random.below(2) === 0;
    const got = isWhole ? await backend.get(path) : await backend.getRange(path, { offset: from, length: to - from });
    expect(Buffer.compare(got ?? new Uint8Array(), isWhole ? bytes : bytes.subarray(from, to))).toBe(0);
  };
  const lane = async (number: number): Promise<void> => {
    const random = new SimRandom(number);
    for (let turn = 0; turn < TURNS; turn += 1) {
      if (turn < 2 || random.below(4) === 0) await put(random, `notes/n${number}-${turn}`);
      else await get(random);
    }
  };
  let isOver = false;
  const slow = async (): Promise<number> => {
    const random = new SimRandom(999);
    let read = 0;
    for (; !isOver || read === 0; read += 1) {
      if (stored.length === 0) await later(10);
      else await readSlowly(by, pick(random));
    }
    return read;
  };
  const reading = slow();
  await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)));
  isOver = true;
  expect(await reading).toBeGreaterThan(0);
  by.close();
  await backend.close();
  await server.stop();
  expect(server.faults).toEqual([]);
});

async function readSlowly(by: RawClient, { path, bytes }: Stored): Promise<void> {
  const stream = by.start('get', { target: 'files', path });
  stream.end();
  const pieces: Buffer[] = [];
  for await (const piece of stream) {
    pieces.push(piece as Buffer);
    await later(1);
  }
  expect(Buffer.compare(Buffer.concat(pieces), bytes)).toBe(0);
}
