/** What lies inside a slot: any content epochs come back as they were, for both roles; what is malformed is refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.ts';
import { clientId, objectName, repositoryId } from '../../src/core/ids.ts';
import { keysFromRoot, repositoryKeys, writeSlotKeys } from '../../src/repo/keyring.ts';
import {
  type ContentEpochSecrets,
  decodeSecret,
  encodeSecret,
  type SlotKeys,
  type SlotSecret,
} from '../../src/repo/slot-secret.ts';
import { inHex } from '../support/in-hex.ts';
import { testEngine as engine } from '../support/temp-repository.ts';

const ROOT = new Uint8Array(32).fill(1);
const EPOCHS = [{ epoch: 0, sealSeed: new Uint8Array(32), signSeed: new Uint8Array(32) }];

function secretOf(keys: SlotKeys): SlotSecret {
  const name = objectName('ab'.repeat(32));
  return {
    repository: repositoryId('cd'.repeat(16)),
    config0: name,
    config: name,
    client: clientId('ef'.repeat(16)),
    certificate: utf8('certificate'),
    signSeed: new Uint8Array(32),
    kemSeed: new Uint8Array(32),
    keys,
  };
}

const secret = fc.uint8Array({ minLength: 32, maxLength: 32 });
const contents = fc
  .uniqueArray(fc.record({ epoch: fc.integer({ min: 1, max: 65_535 }), data: secret, tree: secret, list: secret }), {
    selector: ({ epoch }) => epoch,
    maxLength: 5,
  })
  .map((all): ContentEpochSecrets[] => all.sort((a, b) => a.epoch - b.epoch));

describe('content epochs in a slot', () => {
  it('come back as they were, and both roles have the same secrets', () => {
    fc.assert(
      fc.property(contents, (given) => {
        const full = keysFromRoot(engine, ROOT, EPOCHS, given);
        for (const keys of [
          { role: 'full' as const, root: ROOT, epochs: EPOCHS, contents: given },
          writeSlotKeys(full),
        ]) {
          const back = decodeSecret(encodeSecret(secretOf(keys)));
          expect(inHex(back.keys.contents)).toEqual(inHex(given));
          expect(inHex(repositoryKeys(engine, back.keys).content)).toEqual(inHex(full.content));
        }
        expect(full.content.epoch).toBe(given.at(-1)?.epoch ?? 0);
        expect(full.content.older.length).toBe(given.length);
      }),
    );
  });

  it('leave no trace in a slot that has none', () => {
    const keys = { role: 'full' as const, root: ROOT, epochs: EPOCHS, contents: [] };
    expect(Buffer.from(encodeSecret(secretOf(keys))).toString()).not.toContain('contents');
  });

  it.each([[[2, 1]], [[1, 1]], [[0]], [[65_536]]])('are refused when they are %j', (epochs) => {
    const of = (epoch: number) => ({ epoch, data: ROOT, tree: ROOT, list: ROOT });
    const keys = { role: 'full' as const, root: ROOT, epochs: EPOCHS, contents: epochs.map(of) };
    expect(() => decodeSecret(encodeSecret(secretOf(keys)))).toThrow('malformed');
  });
});
