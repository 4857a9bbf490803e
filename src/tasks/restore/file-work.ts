/** One file on its way: made when its first bytes come, completed when the last have. */
import { NeoError } from '../../core/errors.ts';
import type { EntryMetadata } from '../../fs/apply.ts';
import type { RestoreTarget } from '../../fs/writer.ts';
import type { TargetDirectory } from '../../fs/writer-directory.ts';
import type { TargetFile } from '../../fs/writer-file.ts';
import type { Node } from '../../snapshot/node.ts';
import type { WorkFile } from './jobs.ts';
import type { Layout } from './layout.ts';

export interface FilePlace {
  readonly target: RestoreTarget;
  readonly directory: TargetDirectory;
  readonly name: Uint8Array;
}

export class FileWork {
  readonly place: FilePlace;
  readonly size: number;
  readonly metadata: EntryMetadata;
  /** Kept only where the file is to be read again: thousands of works wait at a time. */
  readonly check: { readonly node: Node; readonly layout: Layout } | undefined;
  readonly overwrite: boolean;
  /** All bytes come from one blob, so a worker can do everything. */
  readonly whole: boolean;
  /** Pieces planned and not yet written. */
  pending = 0;
  /** No more pieces will come. */
  planned = false;
  state: 'open' | 'done' | 'failed' = 'open';
  #file: TargetFile | undefined;

  constructor(
    place: FilePlace,
    node: Node,
    metadata: EntryMetadata,
    layout: Layout,
    how: { readonly overwrite: boolean; readonly whole: boolean; readonly verify: boolean },
  ) {
    this.place = place;
    this.size = node.size;
    this.metadata = metadata;
    this.check = how.verify ? { node, layout } : undefined;
    this.overwrite = how.overwrite;
    this.whole = how.whole && place.target.byDescriptor;
    // Workers do not see each other's names.
    if (this.whole) place.directory.claim(place.name);
  }

  /** Relative to the target. */
  get path(): Buffer {
    return this.place.directory.pathOf(this.place.name);
  }

  /** The file under its temporary name. @throws NeoError as RestoreTarget.createFile */
  get file(): TargetFile {
    const { target, directory, name } = this.place;
    this.#file ??= target.createFile(directory, name, this.size, { overwrite: this.overwrite });
    return this.#file;
  }

  /** With its descriptor held until {@link release}. */
  acquire(): WorkFile {
    const { target, directory, name } = this.place;
    if (!this.whole) return { type: 'open', fd: this.file.acquire(), path: this.path };
    return {
      type: 'whole',
      directory: target.pool.acquire(directory),
      name,
      size: this.size,
      overwrite: this.overwrite,
      metadata: this.metadata,
    };
  }

  release(): void {
    if (this.whole) this.place.target.pool.release(this.place.directory);
    else this.#file?.release();
  }

  /** @throws NeoError as TargetFile.complete */
  complete(): void {
    if (this.state !== 'open') throw new NeoError('failed', 'file completed twice');
    this.state = 'failed';
    if (!this.whole) this.file.complete(this.metadata);
    this.state = 'done';
  }

  abandon(): void {
    if (this.state === 'open') this.state = 'failed';
    this.#file?.abandon();
  }
}
