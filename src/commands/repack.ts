import * as Flags from '@oclif/core/flags';
import { parseCompression } from '../cli/compression.ts';
import { repackFlags } from '../cli/prune-flags.ts';
import Prune from './prune.ts';

export default class Repack extends Prune {
  static override summary = 'Compress what is stored anew, while others go on writing';
  static override description =
    'Every pack that shrinks by a fiftieth or more at that level is written anew; what it held before is marked and ' +
    'deleted as neo prune does it, and for as long takes its place beside the new one. Said again it finds nothing to ' +
    'do, so it can be interrupted, or done in parts with --max-repack-size. What new snapshots store is compressed as ' +
    'ever. With --dry-run everything is read and compressed, and nothing stored.';
  static override examples = [
    '<%= config.bin %> repack --compression max --dry-run',
    '<%= config.bin %> repack --compression better --max-repack-size 20G',
    '<%= config.bin %> repack --compression max --sole-writer --grace 0',
  ];
  static override flags = {
    ...repackFlags,
    compression: Flags.string({
      required: true,
      helpValue: 'LEVEL',
      summary: 'fast, default, better, max, or a zstd level from 1 to 22.',
    }),
  };

  override async run(): Promise<void> {
    const { flags } = await this.parse(Repack);
    await this.prune(flags, parseCompression(flags.compression));
  }
}
