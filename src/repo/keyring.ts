/** The keys that an opened slot gives, ready for use. */
import type { Engine } from '../engine/engine.ts';
import { deriveKey } from '../engine/keys.ts';
import type { BlobKind } from './blob-entry.ts';
import type { ContentEpochSecrets, EpochSecrets, SlotKeys } from './slot-secret.ts';

/** What the content keys of one content epoch are made with. */
export interface BlobSecrets extends Readonly<Record<BlobKind, Uint8Array>> {
  /** 0 … 65535. */
  readonly epoch: number;
}

/** Those of the epoch in force: everything that is written is written with them. */
export interface ContentSecrets extends BlobSecrets {
  /** Identity of whole files, the same in all epochs; no blob is sealed with it. */
  readonly file: Uint8Array;
  /** Of what was written before, newest first. */
  readonly older: readonly BlobSecrets[];
}

export interface RepositoryKeys {
  readonly content: ContentSecrets;
  readonly chunker: Uint8Array;
  readonly index: Uint8Array;
  /** Only role full. */
  readonly full?: { readonly root: Uint8Array; readonly epochs: readonly EpochSecrets[] };
}

export function keysFromRoot(
  engine: Engine,
  root: Uint8Array,
  epochs: readonly EpochSecrets[],
  contents: readonly ContentEpochSecrets[] = [],
): RepositoryKeys {
  const first = {
    epoch: 0,
    data: deriveKey(engine, root, 'content.data'),
    tree: deriveKey(engine, root, 'content.tree'),
    list: deriveKey(engine, root, 'content.list'),
  };
  return {
    content: contentSecrets(deriveKey(engine, root, 'content.file'), first, contents),
    chunker: deriveKey(engine, root, 'chunker'),
    index: deriveKey(engine, root, 'index'),
    full: { root, epochs },
  };
}

export function repositoryKeys(engine: Engine, slot: SlotKeys): RepositoryKeys {
  if (slot.role === 'full') return keysFromRoot(engine, slot.root, slot.epochs, slot.contents);
  const first = { epoch: 0, data: slot.contentData, tree: slot.contentTree, list: slot.contentList };
  return {
    content: contentSecrets(slot.contentFile, first, slot.contents),
    chunker: slot.chunker,
    index: slot.index,
  };
}

function contentSecrets(
  file: Uint8Array,
  first: BlobSecrets,
  contents: readonly ContentEpochSecrets[],
): ContentSecrets {
  const [current = first, ...older] = [first, ...contents].reverse();
  return { ...current, file, older };
}

/** All epochs, the one in force first. */
export function allSecrets(content: ContentSecrets): BlobSecrets[] {
  return [content, ...content.older];
}

/** As slots hold them: all but the first ones. */
export function slotContents(content: ContentSecrets): ContentEpochSecrets[] {
  return allSecrets(content)
    .filter(({ epoch }) => epoch > 0)
    .map(({ epoch, data, tree, list }) => ({ epoch, data, tree, list }))
    .reverse();
}

/** What a write-role slot is given: everything to add, nothing to read. */
export function writeSlotKeys({ content, chunker, index }: RepositoryKeys): SlotKeys {
  const first = content.older.at(-1) ?? content;
  return {
    role: 'write',
    contentData: first.data,
    contentTree: first.tree,
    contentList: first.list,
    contentFile: content.file,
    chunker,
    index,
    // Earlier ones, too: what a client saved before is verified with them when it has to be stored again.
    contents: slotContents(content),
  };
}
