import * as Args from '@oclif/core/args';
import { RecordCommand } from '../../cli/records.ts';

export default class RecordCount extends RecordCommand {
  static override summary = 'Say how many records there are, and how many bytes they have';
  static override description = 'Each is verified, as by `neo record list`.';
  static override examples = ['<%= config.bin %> record count', '<%= config.bin %> record count contracts'];
  static override args = { kind: Args.string({ description: 'only records of this kind' }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RecordCount);
    const records = await this.records(flags, args.kind);
    const bytes = records.reduce((sum, each) => sum + each.bytes.length, 0);
    await this.out.record('summary', { records: records.length, bytes }, String(records.length));
  }
}
