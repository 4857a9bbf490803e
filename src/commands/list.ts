import * as Args from '@oclif/core/args';
import { NeoCommand } from '../cli/base-command.ts';
import { openFromFlags } from '../cli/open.ts';
import { formatBytes, formatTime } from '../core/format.ts';
import type { Repository } from '../repo/repository.ts';
import { eachSegmentObject, listPackObjects } from '../tasks/inspect.ts';

export default class List extends NeoCommand {
  static override summary = 'List packs, index segments or blobs, for those who look inside';
  static override description =
    'Packs that a tomb names are marked; what no segment names has no author. One object in full: neo cat --object. ' +
    'What is meant by all of it: docs/format.md.';
  static override examples = [
    '<%= config.bin %> list packs',
    '<%= config.bin %> list index --json',
    '<%= config.bin %> list blobs | grep -c tree',
  ];
  static override args = {
    what: Args.string({ required: true, options: ['packs', 'index', 'blobs'], description: 'What to list.' }),
  };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(List);
    const { repository } = await openFromFlags(flags, this.out);
    if (args.what === 'packs') await this.#packs(repository);
    else if (args.what === 'index') await this.#index(repository);
    else await this.#blobs(repository);
  }

  async #packs(repository: Repository): Promise<void> {
    const rows: string[][] = [];
    const packs = await listPackObjects(repository);
    for (const { name, size, stored, author, role, blobs, marked } of packs) {
      const time = stored === undefined ? null : new Date(stored).toISOString();
      await this.out.object('pack', {
        name,
        size,
        stored: time,
        author: author ?? null,
        role: role ?? null,
        blobs,
        marked,
      });
      const when = stored === undefined ? 'MISSING' : formatTime(new Date(stored));
      rows.push([
        name,
        formatBytes(size),
        when,
        author?.slice(0, 8) ?? '-',
        role ?? '-',
        `${blobs}`,
        marked ? 'marked' : '',
      ]);
    }
    const size = packs.reduce((sum, pack) => sum + pack.size, 0);
    await this.out.object('summary', { packs: packs.length, size });
    await this.out.table(['PACK', 'SIZE', 'STORED', 'AUTHOR', 'ROLE', { numbers: 'BLOBS' }, ''], rows);
  }

  async #index(repository: Repository): Promise<void> {
    const rows: string[][] = [];
    for await (const { path, size, signer, role, final, packs } of eachSegmentObject(repository)) {
      const blobs = packs.reduce((sum, pack) => sum + pack.blobs.length, 0);
      await this.out.object('segment', { path, size, signer, role, final, packs: packs.length, blobs });
      const kind = final ? 'final' : 'interim';
      rows.push([path, formatBytes(size), signer.slice(0, 8), role, kind, `${packs.length}`, `${blobs}`]);
    }
    await this.out.object('summary', { segments: rows.length });
    await this.out.table(['SEGMENT', 'SIZE', 'SIGNER', 'ROLE', '', { numbers: 'PACKS' }, { numbers: 'BLOBS' }], rows);
  }

  async #blobs(repository: Repository): Promise<void> {
    let blobs = 0;
    for await (const { packs } of eachSegmentObject(repository)) {
      for (const pack of packs) {
        for (const blob of pack.blobs) {
          blobs += 1;
          const { id, kind, offset, length } = blob;
          await this.out.record('blob', { ...blob, pack: pack.name }, `${id} ${kind} ${pack.name} ${offset} ${length}`);
        }
      }
    }
    await this.out.object('summary', { blobs });
  }
}
