/** The keys that an opened slot gives, ready for use. */
import type { Engine } from '../engine/engine.ts';
import { deriveKey } from '../engine/keys.ts';
import type { BlobKind } from './blob-entry.ts';
import type { EpochSecrets, SlotKeys } from './slot-secret.ts';

export interface ContentSecrets extends Readonly<Record<BlobKind, Uint8Array>> {
  /** Identity of whole files; no blob is sealed with it. */
  readonly file: Uint8Array;
}

export interface RepositoryKeys {
  readonly content: ContentSecrets;
  readonly chunker: Uint8Array;
  readonly index: Uint8Array;
  /** Only role full. */
  readonly full?: { readonly root: Uint8Array; readonly epochs: readonly EpochSecrets[] };
}

export function keysFromRoot(engine: Engine, root: Uint8Array, epochs: readonly EpochSecrets[]): RepositoryKeys {
  return {
    content: {
      data: deriveKey(engine, root, 'content.data'),
      tree: deriveKey(engine, root, 'content.tree'),
      list: deriveKey(engine, root, 'content.list'),
      file: deriveKey(engine, root, 'content.file'),
    },
    chunker: deriveKey(engine, root, 'chunker'),
    index: deriveKey(engine, root, 'index'),
    full: { root, epochs },
  };
}

export function repositoryKeys(engine: Engine, slot: SlotKeys): RepositoryKeys {
  if (slot.role === 'full') return keysFromRoot(engine, slot.root, slot.epochs);
  return {
    content: { data: slot.contentData, tree: slot.contentTree, list: slot.contentList, file: slot.contentFile },
    chunker: slot.chunker,
    index: slot.index,
  };
}

/** What a write-role slot is given: everything to add, nothing to read. */
export function writeSlotKeys(keys: RepositoryKeys): SlotKeys {
  return {
    role: 'write',
    contentData: keys.content.data,
    contentTree: keys.content.tree,
    contentList: keys.content.list,
    contentFile: keys.content.file,
    chunker: keys.chunker,
    index: keys.index,
  };
}
