import { describe, expect, it } from 'vitest';
import { makeServerCertificate, makeServerKey, type ServerCertificate } from '../../src/engine/server-certificate.ts';
import { type Endorsement, endorse, originOf } from '../../src/engine/server-lineage.ts';

const made = (): ServerCertificate => makeServerCertificate(makeServerKey(), ['localhost'], Date.now());
const [first, second, third, other] = [made(), made(), made(), made()];
const lineage = [endorse(first.key, second.fingerprint), endorse(second.key, third.fingerprint)];

describe('the origin of a key', () => {
  it('is the key itself, or the first one of those that stand by each other', () => {
    expect(originOf([], first.fingerprint)).toEqual(first.fingerprint);
    expect(originOf(lineage.slice(0, 1), second.fingerprint)).toEqual(first.fingerprint);
    expect(originOf(lineage, third.fingerprint)).toEqual(first.fingerprint);
  });

  const [one, two] = lineage as [Endorsement, Endorsement];
  const flipped = one.signature.with(20, (one.signature[20] ?? 0) ^ 1);
  const longer = new Uint8Array([...one.key, 0]);
  it.each<[string, readonly Endorsement[], ServerCertificate]>([
    ['that of another server, shown by one that has not its key', lineage, other],
    ['with one of them left out', [one], third],
    ['in another order', [two, one], third],
    ['with a signature that was changed', [{ ...one, signature: flipped }, two], third],
    ['with the name of another key', [{ ...one, key: endorse(other.key, first.fingerprint).key }, two], third],
    ['with a key written otherwise', [{ ...one, key: longer }, two], third],
    ['with what is no key', [{ ...one, key: new Uint8Array(3) }, two], third],
    ['without a signature', [{ ...one, signature: new Uint8Array() }, two], third],
  ])('is not told by a lineage %s', (_, wrong, { fingerprint }) => {
    expect(() => originOf(wrong, fingerprint)).toThrow(expect.objectContaining({ code: 'integrity' }));
  });
});
