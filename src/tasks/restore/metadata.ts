/** From a node to what its restored entry shall have, and whether an existing entry has it. */
import { equalBytes } from '../../core/bytes.ts';
import { isNeoError } from '../../core/errors.ts';
import { parseJson } from '../../core/json.ts';
import type { EntryMetadata } from '../../fs/apply.ts';
import { type AccountSource, cachedAccounts } from '../../fs/owners.ts';
import { loadContent } from '../../snapshot/content.ts';
import type { Content, Node, Xattr } from '../../snapshot/node.ts';
import { xattrsFromJson } from '../../snapshot/node-json.ts';
import type { LoadBlob } from '../../snapshot/tree.ts';

export interface MetadataOptions {
  /** Numbers as they are in the snapshot; otherwise names decide, where both systems know them. */
  readonly numericIds: boolean;
  readonly owners: boolean;
  readonly securityAttributes: boolean;
  /** Attributes are in a blob that cannot be read: the entry is restored without them. */
  readonly onLost: (path: Uint8Array, message: string) => void;
  /** Attributes of `security.*` are left out, because nobody asked for them. */
  readonly onLeftOut: () => void;
}

const NO_ATTRIBUTES: readonly Xattr[] = [];

export class MetadataReader {
  readonly #load: LoadBlob;
  readonly #accounts: AccountSource;
  readonly #options: MetadataOptions;

  constructor(load: LoadBlob, accounts: AccountSource, options: MetadataOptions) {
    this.#load = load;
    this.#accounts = cachedAccounts(accounts);
    this.#options = options;
  }

  /** @param path for messages. @throws NeoError integrity when attributes are malformed; what the loader throws */
  of(node: Node, path: () => Uint8Array): EntryMetadata | Promise<EntryMetadata> {
    const { xattrContent, xattrs } = node;
    if (xattrContent === undefined) return this.#with(node, xattrs ?? NO_ATTRIBUTES);
    return this.#loaded(xattrContent, path).then((attributes) => this.#with(node, attributes));
  }

  #with(node: Node, attributes: readonly Xattr[] | undefined): EntryMetadata {
    const { mode, mtime, atime, user, group } = node;
    const named = !this.#options.numericIds;
    const uid = (named && user !== undefined ? this.#accounts.userId(user) : undefined) ?? node.uid;
    const gid = (named && group !== undefined ? this.#accounts.groupId(group) : undefined) ?? node.gid;
    return {
      mode,
      mtime,
      uid,
      gid,
      ...(attributes === undefined ? {} : { attributes: this.#kept(attributes) }),
      ...(atime === undefined ? {} : { atime }),
    };
  }

  async #loaded(content: Content, path: () => Uint8Array): Promise<readonly Xattr[] | undefined> {
    try {
      return xattrsFromJson(parseJson(await loadContent(this.#load, content)));
    } catch (error) {
      if (!isNeoError(error, 'failed')) throw error;
      this.#options.onLost(path(), error.message);
      return undefined;
    }
  }

  #kept(attributes: readonly Xattr[]): readonly Xattr[] {
    const wanted = this.#wanted(attributes);
    if (wanted.length < attributes.length) this.#options.onLeftOut();
    return wanted;
  }

  #wanted(attributes: readonly Xattr[]): readonly Xattr[] {
    if (attributes.length === 0 || this.#options.securityAttributes) return attributes;
    return attributes.filter(({ name }) => !isSecurity(name));
  }

  /** True if an entry with this owner, mode, mtime and these attributes need not be touched. */
  isMet(metadata: EntryMetadata, local: LocalMetadata): boolean {
    const { owners } = this.#options;
    if (owners && (local.uid !== metadata.uid || local.gid !== metadata.gid)) return false;
    // Without owners setuid may not be kept: applying decides.
    if (!owners && (metadata.mode & 0o6000) !== 0) return false;
    if (local.mtime !== metadata.mtime) return false;
    if (!local.isLink && local.mode !== metadata.mode) return false;
    return sameAttributes(metadata.attributes ?? [], this.#wanted(local.attributes()));
  }
}

export interface LocalMetadata {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: bigint;
  readonly isLink: boolean;
  readonly attributes: () => readonly Xattr[];
}

function isSecurity(name: Uint8Array): boolean {
  return Buffer.from(name).toString('latin1').startsWith('security.');
}

function sameAttributes(a: readonly Xattr[], b: readonly Xattr[]): boolean {
  if (a.length !== b.length) return false;
  if (a.length === 0) return true;
  const values = new Map(a.map(({ name, value }) => [Buffer.from(name).toString('latin1'), value]));
  return b.every(({ name, value }) => {
    const other = values.get(Buffer.from(name).toString('latin1'));
    return other !== undefined && equalBytes(other, value);
  });
}
