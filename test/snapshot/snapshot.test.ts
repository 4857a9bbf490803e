/** Snapshot objects: who may make them, who reads them, and what their list says when somebody lies. */
import { describe, expect, it } from 'vitest';
import { concatBytes, toHex, utf8 } from '../../src/core/bytes.ts';
import { isNeoError } from '../../src/core/errors.ts';
import { contentKey, objectName, sessionId } from '../../src/core/ids.ts';
import { systemRandom } from '../../src/core/random.ts';
import { createNativeEngine } from '../../src/engine/native.ts';
import { createPortableEngine } from '../../src/engine/portable.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import type { Repository } from '../../src/repo/repository.ts';
import { signObject } from '../../src/repo/signed-object.ts';
import { findRollback, rememberHeads } from '../../src/snapshot/heads.ts';
import { chainHeads, listHeads, listSnapshots } from '../../src/snapshot/listing.ts';
import { putRemoval } from '../../src/snapshot/removal.ts';
import {
  decodeSnapshot,
  encodeSnapshot,
  openSnapshot,
  type SnapshotBody,
  type SnapshotHead,
} from '../../src/snapshot/snapshot.ts';
import { rotateKeys } from '../../src/tasks/rotate.ts';
import { SimClock } from '../support/sim-clock.ts';
import { addClient, tempRepository, testEngine } from '../support/temp-repository.ts';

const clock = new SimClock();
const made = await tempRepository({ clock });
const full = await made.open();
const writer = await made.open(testEngine, await addClient(full, 'write', 3));
const epochs = full.keys.full?.epochs ?? [];
const sealSeed = epochs[0]?.sealSeed ?? new Uint8Array(32);

function bodyOf(more: Partial<SnapshotBody> = {}): SnapshotBody {
  return {
    time: 1_700_000_000_000,
    host: 'höst',
    user: 'user',
    paths: [utf8('/home/me'), Uint8Array.of(0x2f, 0xff)],
    tree: contentKey(new Uint8Array(32).fill(1)),
    devices: [{ id: '64769', type: 'ext4' }, { id: '1' }],
    tags: ['a', 'b=c'],
    program: 'neo 0.1.0',
    kind: 'snapshot',
    excludes: ['*.tmp'],
    statistics: {
      filesNew: 1,
      filesChanged: 2,
      filesUnmodified: 3,
      directories: 4,
      bytesProcessed: 5,
      bytesAdded: 6,
      bytesStored: 7,
      errors: 8,
      durationMs: 9,
    },
    rebundle: [contentKey(new Uint8Array(32).fill(2))],
    ...more,
  };
}

function headOf(more: Partial<SnapshotHead> = {}): Omit<SnapshotHead, 'epoch' | 'client'> {
  return { session: sessionId('ab'.repeat(16)), sequence: 7, previous: [], validated: 5, generation: 3, ...more };
}

function encode(by: Repository, head = headOf(), body = bodyOf()): Uint8Array {
  return encodeSnapshot(by, by.signer, { epoch: 0, sealPublic: by.config.sealPublic }, head, body);
}

function outcome(act: () => unknown): string {
  try {
    act();
    return 'done';
  } catch (error) {
    return isNeoError(error) ? error.code : `not a NeoError: ${String(error)}`;
  }
}

const nameOf = (bytes: Uint8Array) => objectName(toHex(testEngine.blake3(bytes)));

describe('a snapshot', () => {
  it.each([
    ['full', full],
    ['write', writer],
  ] as const)('of role %s is read by role full', (_, by) => {
    const previous = [objectName('11'.repeat(32)), objectName('22'.repeat(32))];
    const whole = bodyOf({
      uid: 0,
      label: 'l',
      description: 'd',
      parent: objectName('33'.repeat(32)),
      kind: 'partial',
    });
    for (const body of [bodyOf(), whole]) {
      const sealed = decodeSnapshot(full, encode(by, headOf({ previous }), body));
      expect(sealed.head).toEqual({ ...headOf({ previous }), epoch: 0, client: by.client });
      const opened = openSnapshot(full, sealed, sealSeed);
      const hex = (given: SnapshotBody): unknown => ({
        ...given,
        paths: given.paths.map(toHex),
        tree: toHex(given.tree),
        rebundle: given.rebundle.map(toHex),
      });
      expect(hex(opened)).toEqual(hex(body));
    }
  });

  it('is not read with another key', () => {
    const sealed = decodeSnapshot(full, encode(writer));
    expect(outcome(() => openSnapshot(full, sealed, new Uint8Array(32)))).toBe('integrity');
    expect(outcome(() => openSnapshot(full, sealed, writer.slot.kemSeed))).toBe('integrity');
  });

  it('that follows very many is still one that can be read', () => {
    const previous = Array.from({ length: 300 }, (_, n) => nameOf(Uint8Array.of(n, n >> 8)));
    const { head } = decodeSnapshot(full, encode(full, headOf({ previous })));
    expect(head.previous).toEqual(previous.slice(-255));
  });

  it.each([8.64e15 + 1, -9e15])('of a time that no calendar has is refused: %d', (time) => {
    const bytes = encodeSnapshot(
      full,
      full.signer,
      { epoch: 0, sealPublic: full.config.sealPublic },
      headOf(),
      bodyOf({ time }),
    );
    const sealed = decodeSnapshot(full, bytes);
    expect(() => openSnapshot(full, sealed, sealSeed)).toThrow(expect.objectContaining({ code: 'integrity' }));
  });

  it('is refused with any bit flipped, cut short, or with bytes behind it', () => {
    const bytes = encode(writer);
    for (let at = 0; at < bytes.length; at += 23) {
      const flipped = Uint8Array.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ 4;
      expect(['integrity', 'needs-newer-neo'], `byte ${at}`).toContain(outcome(() => decodeSnapshot(full, flipped)));
      expect(outcome(() => decodeSnapshot(full, bytes.subarray(0, at)))).toBe('integrity');
    }
    expect(outcome(() => decodeSnapshot(full, concatBytes(bytes, Uint8Array.of(0))))).toBe('integrity');
  });

  it('cannot be made in another client’s name, or in another repository’s', async () => {
    const bytes = encode(writer);
    const signature = 2 + writer.signer.certificate.encoded.length + 68;
    const head = Uint8Array.from(bytes.subarray(0, bytes.length - signature));
    expect(outcome(() => decodeSnapshot(full, signObject(writer, 'snapshot', writer.signer, head)))).toBe('done');
    head.set(Buffer.from(full.client, 'hex'), 28);
    expect(outcome(() => decodeSnapshot(full, signObject(writer, 'snapshot', writer.signer, head)))).toBe('integrity');
    const stolen = { ...writer, signer: { ...writer.signer, certificate: full.signer.certificate } };
    expect(outcome(() => decodeSnapshot(full, encode(stolen)))).toBe('integrity');
    const other = await (await tempRepository()).open();
    expect(outcome(() => decodeSnapshot(full, encode(other)))).toBe('integrity');
  });

  it('with a ciphertext of small order or of noise is damage, on both engines', async () => {
    for (const engine of [await createNativeEngine(), await createPortableEngine()]) {
      for (const ciphertext of [new Uint8Array(1120), new Uint8Array(1120).fill(255), systemRandom.bytes(1120)]) {
        const sealed = { ...decodeSnapshot(full, encode(writer)), kemCiphertext: ciphertext };
        expect(outcome(() => openSnapshot({ ...full, engine }, sealed, sealSeed))).toBe('integrity');
      }
    }
  });
});

describe('the list of snapshots', () => {
  it('holds what is genuine, names what is not, and puts them in order', async () => {
    const place = await tempRepository({ clock });
    const own = await place.open();
    const put = async (bytes: Uint8Array, name = nameOf(bytes)) => {
      await place.backend.put(`snapshots/${name}`, bytes);
      clock.advance(1000);
      return name;
    };
    const late = await put(encode(own, headOf({ sequence: 9 }), bodyOf({ time: 2000 })));
    const early = await put(encode(own, headOf({ sequence: 6 }), bodyOf({ time: 1000 })));
    const damaged = await put(Uint8Array.of(1), nameOf(Uint8Array.of(2)));
    const foreign = await put(encode(full));
    const closed = await put(
      encodeSnapshot(own, own.signer, { epoch: 0, sealPublic: full.config.sealPublic }, headOf(), bodyOf()),
    );
    await place.backend.put('snapshots/readme', Uint8Array.of(1));
    const listing = await listSnapshots(own, own.keys.full?.epochs ?? []);
    expect(listing.snapshots.map(({ name }) => name)).toEqual([early, late]);
    expect(new Set(listing.faults.map(({ name }) => name))).toEqual(new Set([damaged, foreign, closed]));
    expect((await listHeads(own)).heads.map(({ name }) => name)).toEqual([late, early, closed]);
  });

  it('gives the ends of a client’s chain, two if it forked', async () => {
    const place = await tempRepository({ clock });
    const own = await place.open();
    const put = async (previous: SnapshotHead['previous'], sequence: number) => {
      const bytes = encode(own, headOf({ previous, sequence }));
      await place.backend.put(`snapshots/${nameOf(bytes)}`, bytes);
      clock.advance(1);
      return nameOf(bytes);
    };
    const ends = async () => chainHeads((await listHeads(own)).heads, own.client).map(({ name }) => name);
    const first = await put([], 1);
    const [left, right] = [await put([first], 2), await put([first], 2)];
    expect(await ends()).toEqual([left, right]);
    const joined = await put([left, right], 3);
    expect(await ends()).toEqual([joined]);
  });
});

describe('heads that were seen', () => {
  it('are missed when they are gone, for ever, and so is an epoch', async () => {
    const place = await tempRepository({ clock });
    const own = await place.open();
    const state = new MemoryState();
    const bytes = encode(own);
    const path = `snapshots/${nameOf(bytes)}`;
    await place.backend.put(path, bytes);
    const heads = async () => (await listHeads(own)).heads;
    await rememberHeads(own, state, await heads());
    expect(await findRollback(own, state, await heads())).toEqual([]);
    place.backend.tamper(path, undefined);
    for (let again = 0; again < 2; again++) {
      expect((await findRollback(own, state, await heads())).map(({ snapshot }) => snapshot)).toEqual([nameOf(bytes)]);
      await rememberHeads(own, state, await heads());
    }
    await rememberHeads({ ...own, config: { ...own.config, epoch: 4 } }, state, await heads());
    expect(await findRollback(own, state, await heads())).toHaveLength(2);
    expect(await findRollback(own, new MemoryState(), await heads())).toEqual([]);
  });

  it('are not missed when somebody stored or removed them after the listing', async () => {
    const place = await tempRepository({ clock });
    const own = await place.open();
    const state = new MemoryState();
    const before = (await listHeads(own)).heads;
    // Another process of the same user: it stores a snapshot and remembers it, then removes it for good.
    const bytes = encode(own);
    const name = nameOf(bytes);
    await place.backend.put(`snapshots/${name}`, bytes);
    await rememberHeads(own, state, (await listHeads(own)).heads);
    expect(await findRollback(own, state, before)).toEqual([]);
    await putRemoval(own, (await listHeads(own)).heads, { time: 1, trashEnds: 1 });
    place.backend.tamper(`snapshots/${name}`, undefined);
    expect(await findRollback(own, state, before)).toEqual([]);
  });

  it('know of a rotation that came after the repository was opened', async () => {
    const place = await tempRepository({ clock });
    const own = await place.open();
    const state = new MemoryState();
    await rotateKeys(own, { drop: [], dryRun: false });
    await rememberHeads(await place.open(), state, []);
    expect(await findRollback(own, state, [])).toEqual([]);
  });

  it('are forgotten, not fatal, when their file is damaged', async () => {
    const name = `heads-${full.id}.json`;
    for (const text of [
      '',
      'no json',
      '{}',
      '{"v":2}',
      '{"epoch":0,"heads":["x"],"v":1}',
      '{"epoch":0,"heads":[7],"v":1}',
    ]) {
      const state = new MemoryState();
      await state.write(name, utf8(text));
      expect(await findRollback(full, state, []), text).toEqual([]);
      await rememberHeads(full, state, []);
    }
  });
});
