import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { RecordCommand, recordBytes } from '../../cli/records.ts';
import { equalBytes } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';

export default class RecordHas extends RecordCommand {
  static override summary = 'Say whether there is a record of just these bytes, and since when';
  static override description = 'Exit code 1 when there is none. The bytes come from a file or from standard input.';
  static override examples = [
    'sha256sum contract.pdf | <%= config.bin %> record has contracts',
    '<%= config.bin %> record has measurements --file today.csv',
  ];
  static override args = { kind: Args.string({ required: true, description: 'what it is one of' }) };
  static override flags = {
    file: Flags.string({ helpValue: 'FILE', summary: 'Read it from here, and not from standard input.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RecordHas);
    const bytes = await recordBytes(flags.file);
    const found = (await this.records(flags, args.kind)).find((record) => equalBytes(record.bytes, bytes));
    if (found === undefined) throw new NeoError('not-found', `there is no such record of ${args.kind}`);
    const time = new Date(found.time).toISOString();
    await this.out.record(
      'summary',
      { seq: found.seq, time, by: found.by },
      `record ${found.seq}, of ${time}, by ${found.by}`,
    );
  }
}
