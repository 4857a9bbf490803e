import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../cli/base-command.ts';
import { type Opened, openFromFlags } from '../cli/open.ts';
import { pinColumns, pinJson, pinRow } from '../cli/pin-report.ts';
import { parseWhen } from '../cli/when.ts';
import { later, parseSpan } from '../core/calendar.ts';
import { NeoError } from '../core/errors.ts';
import { formatCounted, formatTime } from '../core/format.ts';
import { listPins, type PinOptions, pin, unpin } from '../tasks/pin.ts';

export default class Pin extends NeoCommand {
  static override summary = 'Pin snapshots, so that forget leaves them; without a snapshot: list the pins';
  static override description =
    'No rule removes a pinned snapshot, nor does its name: the pin has to go first, or its time has to be over. A pin ' +
    'set anew takes the place of the one before. Pins are made with a key of role full, and hold for everybody.';
  static override examples = [
    '<%= config.bin %> pin latest --reason "before the upgrade"',
    '<%= config.bin %> pin 2829f3c9 --until 2036-12-31 --reason "to be kept by law"',
    '<%= config.bin %> pin latest~3 --for 1y6m',
    '<%= config.bin %> pin',
    '<%= config.bin %> pin --remove 2829f3c9',
  ];
  static override strict = false;
  static override args = {
    snapshot: Args.string({ required: false, description: 'These: the start of an id, latest, latest~2 …' }),
  };
  static override flags = {
    until: Flags.string({ helpValue: 'TIME', summary: 'Only until then.', exclusive: ['for', 'remove'] }),
    for: Flags.string({ helpValue: 'SPAN', summary: 'Only so long: 90d, 1y6m …', exclusive: ['remove'] }),
    reason: Flags.string({ helpValue: 'TEXT', summary: 'Why, for whoever reads it later.', exclusive: ['remove'] }),
    remove: Flags.boolean({ summary: 'Take the pins away.' }),
    'dry-run': Flags.boolean({ char: 'n', summary: 'Only say which would be pinned, or not any more.' }),
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Pin);
    const references = argv.map(String);
    const until = await untilOf(flags);
    const { reason } = flags;
    const said = until !== undefined || reason !== undefined || flags.remove || flags['dry-run'];
    if (references.length === 0 && said) {
      throw new NeoError('usage', 'no snapshot is named', { hint: 'such as: neo pin latest' });
    }
    const opened = await openFromFlags(flags, this.out);
    const dryRun = flags['dry-run'];
    if (references.length === 0) await this.#list(opened);
    else if (flags.remove) await this.#unpin(opened, { references, dryRun });
    else {
      const what = { ...(until === undefined ? {} : { until }), ...(reason === undefined ? {} : { reason }) };
      await this.#pin(opened, { references, dryRun, ...what });
    }
  }

  async #pin({ repository, state }: Opened, options: PinOptions): Promise<void> {
    const { until, reason, dryRun } = options;
    const pinned = await pin(repository, state, options, this.events);
    const end = until === undefined ? undefined : new Date(until);
    const body = {
      pinned: pinned.map(({ name }) => name),
      until: end?.toISOString(),
      reason,
      ...(dryRun ? { dryRun } : {}),
    };
    const what = `${formatCounted(pinned.length, 'snapshot')}${end === undefined ? '' : ` until ${formatTime(end)}`}`;
    await this.out.record('summary', body, `${dryRun ? 'would pin' : 'pinned'} ${what}`);
  }

  async #unpin({ repository, state }: Opened, options: Pick<PinOptions, 'references' | 'dryRun'>): Promise<void> {
    const { dryRun } = options;
    const unpinned = await unpin(repository, state, options, this.events);
    const what = `${formatCounted(unpinned.length, 'pin')} away`;
    const body = { unpinned, ...(dryRun ? { dryRun } : {}) };
    await this.out.record('summary', body, `${dryRun ? 'would take' : 'took'} ${what}`);
  }

  async #list({ repository, state }: Opened): Promise<void> {
    const pins = await listPins(repository, state, this.events);
    for (const one of pins) await this.out.object('pin', pinJson(one));
    await this.out.object('summary', { pins: pins.length });
    if (pins.length > 0) await this.out.table(pinColumns, pins.map(pinRow));
    else this.out.note('nothing is pinned');
  }
}

/** Milliseconds. @throws NeoError usage */
async function untilOf(flags: {
  readonly until?: string | undefined;
  readonly for?: string | undefined;
}): Promise<number | undefined> {
  const now = new Date();
  if (flags.for !== undefined) {
    const end = later(now.getTime(), parseSpan(flags.for));
    if (new Date(end).getFullYear() <= 9999) return end;
    throw new NeoError('usage', `--for ${flags.for} is too long`, { hint: 'without it: for ever' });
  }
  return flags.until === undefined ? undefined : (await parseWhen(flags.until, now)).getTime();
}
