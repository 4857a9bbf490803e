/** Content keys of several content epochs (docs/decisions/0021-content-epochs.md). */
import { equalBytes } from '../core/bytes.ts';
import type { ContentKey } from '../core/ids.ts';
import type { Engine } from '../engine/engine.ts';
import { contentKeyOf } from '../engine/keys.ts';
import type { BlobKind } from './blob-entry.ts';
import { allSecrets, type BlobSecrets, type ContentSecrets } from './keyring.ts';

/** The epoch with whose secret the key was made of these bytes; undefined if it is the key of something else. */
export function contentEpochOf(
  engine: Engine,
  content: ContentSecrets,
  kind: BlobKind,
  plaintext: Uint8Array,
  key: ContentKey,
): number | undefined {
  const isIts = (secrets: BlobSecrets): boolean => equalBytes(contentKeyOf(engine, secrets[kind], plaintext), key);
  if (isIts(content)) return content.epoch;
  return content.older.find(isIts)?.epoch;
}

/** True if the two make content keys with the same secrets from now on, and `own` knows all that `other` ever used. */
export function hasSecretsOf(own: ContentSecrets, other: ContentSecrets): boolean {
  const known = allSecrets(own);
  return (
    isSame(own, other) &&
    equalBytes(own.file, other.file) &&
    other.older.every((secrets) => known.some((each) => isSame(each, secrets)))
  );
}

/** True if some blobs of the two may have the same ids. */
export function shareSecrets(a: ContentSecrets, b: ContentSecrets): boolean {
  return allSecrets(a).some((each) => allSecrets(b).some((other) => isSame(each, other)));
}

function isSame(a: BlobSecrets, b: BlobSecrets): boolean {
  return (['data', 'tree', 'list'] as const).every((kind) => equalBytes(a[kind], b[kind]));
}
