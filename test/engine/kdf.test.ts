/** Password keys: bounds on what storage asks for, calibration, and both engines alike. */
import { describe, expect, test } from 'vitest';
import { toHex, utf8 } from '../../src/core/bytes.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { Argon2Parameters, Engine } from '../../src/engine/engine.ts';
import {
  calibrate,
  checkKdfBounds,
  DEFAULT_ARGON2,
  DEFAULT_SCRYPT,
  derivePasswordKey,
  type KdfParameters,
} from '../../src/engine/kdf.ts';
import { expectNeoError, native, noise, portable } from './support.ts';

const salt = noise(16);

function argon2(change: Partial<Argon2Parameters> = {}): KdfParameters {
  return { name: 'argon2id', ...DEFAULT_ARGON2, salt, ...change };
}

function scrypt(change: object = {}): KdfParameters {
  return { name: 'scrypt', ...DEFAULT_SCRYPT, salt, ...change };
}

describe('bounds', () => {
  test.each([
    argon2(),
    argon2({ memory: 128 * 1024, passes: 2 }),
    argon2({ memory: 1024 * 1024, passes: 64, lanes: 64 }),
    argon2({ lanes: 1 }),
    scrypt(),
    scrypt({ n: 1 << 20 }),
    scrypt({ n: 1 << 17, r: 32, p: 16 }),
  ])('accept %j', (parameters) => {
    checkKdfBounds(parameters);
  });

  test.each([
    argon2({ memory: 1024 * 1024 + 1 }),
    argon2({ memory: 2 ** 53 }),
    argon2({ memory: Number.NaN }),
    argon2({ memory: 65_536.5 }),
    argon2({ memory: -65_536 }),
    argon2({ memory: 0 }),
    argon2({ passes: 0 }),
    argon2({ passes: 65 }),
    argon2({ lanes: 0 }),
    argon2({ lanes: 65 }),
    argon2({ memory: 256, lanes: 64 }),
    scrypt({ n: 1 << 21 }),
    scrypt({ n: 16_385 }),
    scrypt({ n: 0 }),
    scrypt({ n: 1 }),
    scrypt({ n: 2 ** 40 }),
    scrypt({ r: 33 }),
    scrypt({ r: 0 }),
    scrypt({ p: 17 }),
    scrypt({ p: 0 }),
    scrypt({ n: 1 << 20, r: 32 }),
    { ...argon2(), salt: noise(7) },
    { ...argon2(), salt: noise(65) },
    { ...scrypt(), salt: new Uint8Array(0) },
  ])('refuse %j, weak or not', async (parameters) => {
    expectNeoError(() => checkKdfBounds(parameters), 'integrity');
    expectNeoError(() => checkKdfBounds(parameters, { allowWeak: true }), 'integrity');
    await expect(derivePasswordKey(native, utf8('x'), parameters)).rejects.toMatchObject({ code: 'integrity' });
  });

  test.each([
    argon2({ memory: 64 * 1024 - 1 }),
    argon2({ passes: 2 }),
    argon2({ memory: 19 * 1024, passes: 64 }),
    scrypt({ n: 8192 }),
    scrypt({ r: 4 }),
  ])('refuse %j unless weak ones are allowed', (parameters) => {
    expectNeoError(() => checkKdfBounds(parameters), 'integrity');
    checkKdfBounds(parameters, { allowWeak: true });
  });
});

test.each([argon2({ memory: 64, passes: 1, lanes: 4 }), argon2({ memory: 1024, passes: 3 }), scrypt({ n: 64 })])(
  'both engines derive the same 32 bytes from %j',
  async (parameters) => {
    for (const password of [utf8('correct horse'), utf8(''), noise(300)]) {
      const key = await derivePasswordKey(native, password, parameters);
      expect(key.length).toBe(32);
      expect(toHex(await derivePasswordKey(portable, password, parameters))).toBe(toHex(key));
    }
  },
);

/**
 * An engine and clock on which Argon2id takes exactly `ms` for the default parameters, in proportion for others.
 * @param growth power with which memory counts
 */
function machine(ms: number, growth = 1): { engine: Engine; clock: Clock } {
  let now = 5;
  const cost = ({ memory, passes }: Argon2Parameters) => memory ** growth * passes;
  const engine: Engine = {
    ...native,
    async argon2id(_password, _salt, parameters, length) {
      now += (ms * cost(parameters)) / cost(DEFAULT_ARGON2);
      return new Uint8Array(length);
    },
  };
  return { engine, clock: { now: () => 0, monotonic: () => now } };
}

describe('calibration', () => {
  test.each([
    // [cost of the default in ms, expected memory in MiB, passes]
    [1000, 64, 3],
    [250, 64, 3],
    [200, 80, 3],
    [125, 128, 3],
    [60, 128, 6],
    [1, 128, 10],
    [0, 128, 10],
  ])('a machine that takes %i ms gets %i MiB and %i passes', async (ms, mebibytes, passes) => {
    const { engine, clock } = machine(ms);
    const parameters = await calibrate(engine, clock);
    expect(parameters).toEqual({ memory: mebibytes * 1024, passes, lanes: 4 });
    checkKdfBounds({ name: 'argon2id', salt, ...parameters });
  });

  test('what it proposes is tried: where more memory costs more than its share, it stays within the time', async () => {
    for (const ms of [60, 125, 160, 200]) {
      const { engine, clock } = machine(ms, 1.4);
      const parameters = await calibrate(engine, clock);
      const start = clock.monotonic();
      await engine.argon2id(salt, salt, parameters, 32);
      expect(clock.monotonic() - start).toBeLessThanOrEqual(253);
      checkKdfBounds({ name: 'argon2id', salt, ...parameters });
    }
  });
});
