/** A directory of the target as far as it exists: made when the first entry comes into it. */
import { NeoError } from '../../core/errors.ts';
import type { EntryMetadata } from '../../fs/apply.ts';
import type { RestoreTarget } from '../../fs/writer.ts';
import { TargetDirectory } from '../../fs/writer-directory.ts';
import { deviceOf } from '../../fs/writer-remove.ts';

export class Place {
  readonly target: RestoreTarget;
  readonly parent: Place | undefined;
  readonly name: Uint8Array;
  /** Undefined: left as it is when it exists. */
  readonly #metadata: EntryMetadata | undefined;
  readonly #keepExisting: boolean;
  #directory: TargetDirectory | undefined;
  #isNew: boolean | undefined;

  /** @param keepExisting metadata is for a directory that is made only */
  constructor(
    target: RestoreTarget,
    parent: Place | undefined,
    name: Uint8Array,
    metadata?: EntryMetadata,
    keepExisting = false,
  ) {
    this.target = target;
    this.parent = parent;
    this.name = name;
    this.#metadata = metadata;
    this.#keepExisting = keepExisting;
  }

  /** The directory above all. @param isNew nothing is in it */
  static root(target: RestoreTarget, isNew: boolean, metadata?: EntryMetadata): Place {
    const place = new Place(target, undefined, new Uint8Array(), metadata);
    place.#directory = target.root;
    place.#isNew = isNew;
    if (metadata !== undefined) target.deferDirectory(target.root, metadata);
    return place;
  }

  /** Nothing was in it before this restore. */
  get isNew(): boolean {
    this.#isNew ??= this.parent === undefined || this.#missing(this.parent);
    return this.#isNew;
  }

  #missing(parent: Place): boolean {
    if (parent.isNew) return true;
    return this.target.stat(parent.existing(), this.name)?.isDirectory() !== true;
  }

  /** For looking only. @throws NeoError failed when it does not exist */
  existing(): TargetDirectory {
    if (this.#directory !== undefined) return this.#directory;
    if (this.parent === undefined || this.isNew) throw new NeoError('failed', 'directory is not there');
    return new TargetDirectory(this.target, this.parent.existing(), this.name);
  }

  /** Of an existing directory: on another file system than the one above it in this target. */
  isMountPoint(): boolean {
    return this.parent !== undefined && deviceOf(this.existing()) !== deviceOf(this.parent.existing());
  }

  /** Makes it, and those above. @throws NeoError as RestoreTarget.directory */
  ensure(): TargetDirectory {
    if (this.#directory !== undefined || this.parent === undefined) return this.#directory ?? this.target.root;
    const above = this.parent.ensure();
    const made = this.isNew;
    const directory = this.target.directory(above, this.name);
    this.#directory = directory;
    if (this.#metadata !== undefined && (made || !this.#keepExisting)) {
      this.target.deferDirectory(directory, this.#metadata);
    }
    return directory;
  }

  /** Relative to the target. */
  get path(): Buffer {
    if (this.parent === undefined) return Buffer.alloc(0);
    return this.parent.pathOf(this.name);
  }

  pathOf(name: Uint8Array): Buffer {
    const path = this.path;
    return path.length === 0 ? Buffer.from(name) : Buffer.concat([path, Buffer.from('/'), name]);
  }

  /** All entries are planned. */
  release(): void {
    this.#directory?.release();
  }
}
