import * as Args from '@oclif/core/args';
import { RecordCommand } from '../../cli/records.ts';
import { formatBytes, formatTime } from '../../core/format.ts';

export default class RecordList extends RecordCommand {
  static override summary = 'List the records of an account, the oldest first';
  static override description =
    'Each is verified: that it stands in the ledger, and that the ledger continues what was known of it.';
  static override examples = [
    '<%= config.bin %> record list',
    '<%= config.bin %> record list contracts',
    '<%= config.bin %> record list --json',
  ];
  static override args = { kind: Args.string({ description: 'only records of this kind' }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RecordList);
    const records = await this.records(flags, args.kind);
    for (const { seq, time, kind, by, bytes } of records) {
      await this.out.object('record', { seq, time: new Date(time).toISOString(), kind, by, bytes: bytes.length });
    }
    const rows = records.map(({ seq, time, kind, by, bytes }) => [
      ...[String(seq), formatTime(new Date(time)), kind, by, formatBytes(bytes.length)],
    ]);
    await this.out.table([{ numbers: 'Record' }, 'Time', 'Kind', 'By', { numbers: 'Size' }], rows);
    await this.out.object('summary', { records: records.length });
  }
}
