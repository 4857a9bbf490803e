import * as Args from '@oclif/core/args';
import { RecordCommand } from '../../cli/records.ts';
import { toBase64 } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';

export default class RecordGet extends RecordCommand {
  static override summary = 'Write the bytes of a record to standard output';
  static override description =
    'It is verified first that it stands in the ledger, and that the ledger continues what was known of it.';
  static override examples = ['<%= config.bin %> record get 1204', '<%= config.bin %> record get 1204 --json'];
  static override args = {
    record: Args.integer({ required: true, description: 'its number, as `neo record put` said it' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RecordGet);
    const found = (await this.records(flags)).find(({ seq }) => seq === args.record);
    if (found === undefined) {
      throw new NeoError('not-found', `there is no record ${args.record}`, {
        hint: 'neo record list shows those there are',
      });
    }
    const { seq, time, kind, by, bytes } = found;
    const body = { seq, time: new Date(time).toISOString(), kind, by, data: toBase64(bytes) };
    if (this.out.json) await this.out.object('record', body);
    else await this.out.bytes(bytes);
  }
}
