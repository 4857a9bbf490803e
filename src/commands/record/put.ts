import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { RecordCommand, recordBytes } from '../../cli/records.ts';
import { toBase64 } from '../../core/bytes.ts';

export default class RecordPut extends RecordCommand {
  static override summary = 'Write a record into the ledger of a server, for ever';
  static override description =
    'Up to 32 KiB, from a file or from standard input: what was delivered, measured or agreed, or the hash of it. From then on nobody can change it, or take it back, without being found out. ' +
    'It is not encrypted: the server and its administrators can read it.';
  static override examples = [
    'sha256sum contract.pdf | <%= config.bin %> record put contracts',
    '<%= config.bin %> record put measurements --file today.csv',
  ];
  static override args = { kind: Args.string({ required: true, description: 'what it is one of, such as contracts' }) };
  static override flags = {
    file: Flags.string({ helpValue: 'FILE', summary: 'Read it from here, and not from standard input.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RecordPut);
    const bytes = await recordBytes(flags.file);
    const request = { kind: args.kind, data: toBase64(bytes) };
    const { seq } = await this.ask(flags, (client) => client.call('record-put', request));
    await this.out.record('summary', { seq, kind: args.kind, bytes: bytes.length }, `record ${seq}`);
  }
}
