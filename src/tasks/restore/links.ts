/** Hard links: the first name carries the content, the others are linked to it when all files are there. */
import type { RestoreTarget } from '../../fs/writer.ts';
import type { TargetDirectory } from '../../fs/writer-directory.ts';
import type { Node } from '../../snapshot/node.ts';
import type { Context } from './context.ts';
import type { FileWork } from './file-work.ts';

interface First {
  readonly target: RestoreTarget;
  readonly directory: TargetDirectory;
  readonly name: Uint8Array;
  /** Undefined: it is there already, or is no file. */
  readonly work: FileWork | undefined;
}

interface Later {
  readonly first: First;
  readonly directory: TargetDirectory;
  readonly name: Uint8Array;
  readonly type: string;
}

export class HardLinks {
  readonly #firsts = new Map<string, First>();
  readonly #later: Later[] = [];

  /** The name that stands for the inode, if there was one in the same target. */
  first(target: RestoreTarget, node: Node): First | undefined {
    const first = node.links > 1 ? this.#firsts.get(keyOf(node)) : undefined;
    return first?.target === target ? first : undefined;
  }

  /** @param work undefined for what is there already */
  remember(
    node: Node,
    place: { target: RestoreTarget; directory: TargetDirectory; name: Uint8Array },
    work: FileWork | undefined,
  ): void {
    if (node.links <= 1) return;
    const { target, directory, name } = place;
    this.#firsts.set(keyOf(node), { target, directory, name, work });
  }

  add(first: First, directory: TargetDirectory, name: Uint8Array, type: string): void {
    this.#later.push({ first, directory, name, type });
  }

  /** After all files. @throws NeoError what ends the restore */
  place(context: Context): void {
    for (const { first, directory, name, type } of this.#later) {
      const path = directory.pathOf(name);
      if (first.work !== undefined && first.work.state !== 'done') {
        context.tally.lose(path, 'the file that it is a link to could not be restored', 'failed');
        continue;
      }
      try {
        const made = this.#link(first, directory, name);
        if (type === 'file') context.tally[made ? 'filesRestored' : 'filesUnchanged'] += 1;
      } catch (error) {
        context.tally.fail(path, error);
      }
    }
    this.#later.length = 0;
  }

  /** False when it is linked already. */
  #link(first: First, directory: TargetDirectory, name: Uint8Array): boolean {
    const { target } = first;
    const there = target.stat(directory, name);
    const wanted = target.stat(first.directory, first.name);
    if (there !== undefined && wanted !== undefined && there.ino === wanted.ino && there.dev === wanted.dev) {
      return false;
    }
    target.place(directory, name, { type: 'hardlink', to: first.directory, toName: first.name });
    return true;
  }
}

function keyOf(node: Node): string {
  return `${node.device}:${node.inode}`;
}
