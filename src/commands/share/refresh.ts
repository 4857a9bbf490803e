import { hostname, userInfo } from 'node:os';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../../cli/base-command.ts';
import { graceFloor } from '../../cli/grace-floor.ts';
import { openFromFlags } from '../../cli/open.ts';
import { NeoError } from '../../core/errors.ts';
import { formatBytes, formatCounted } from '../../core/format.ts';
import type { ShareId } from '../../repo/share.ts';
import { followShares } from '../../tasks/follow-shares.ts';
import { findShare } from '../../tasks/shares.ts';
import { lookAtSnapshots } from '../../tasks/snapshots.ts';

export default class ShareRefresh extends NeoCommand {
  static override summary = 'Let shares that follow show the newest snapshot';
  static override description =
    'neo snapshot does so by itself, and neo prune. This is for snapshots that came otherwise: from a key that may only ' +
    'write, or by neo copy. Without ids all shares are looked at that were made with --follow.';
  static override examples = [
    '<%= config.bin %> share refresh',
    '<%= config.bin %> share refresh 3f9a11c0',
    '<%= config.bin %> share refresh --dry-run',
  ];
  static override strict = false;
  static override args = {
    share: Args.string({ required: false, description: 'Start of an id; see: neo share list.' }),
  };
  static override flags = { 'dry-run': Flags.boolean({ char: 'n', summary: 'Only say which would change.' }) };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(ShareRefresh);
    const { repository, state } = await openFromFlags(flags, this.out);
    const look = await lookAtSnapshots(repository, state, this.events);
    const ids = argv.map((each): ShareId => {
      const { share } = findShare(look, String(each));
      if (share.follow !== undefined) return share.id;
      throw new NeoError('usage', `share ${share.id.slice(0, 8)} follows nothing: it was made without --follow`);
    });
    const dryRun = flags['dry-run'];
    const maker = { host: hostname(), user: userInfo().username, program: this.config.userAgent };
    const options = { ...maker, dryRun, ...(ids.length > 0 ? { ids } : {}), ...graceFloor(this.out) };
    const summary = await followShares(repository, state, options, this.events, this.signal);
    this.endProgress();
    const { followed, unchanged, failed, bytesAdded } = summary;
    const would = dryRun ? 'would show' : 'shows';
    for (const { id, snapshot, taken } of followed) {
      const when = new Date(taken).toISOString();
      await this.out.line(`share ${id.slice(0, 8)} ${would} snapshot ${snapshot.slice(0, 8)} of ${when}`);
    }
    const left = `${formatCounted(unchanged, 'share')} unchanged${failed > 0 ? `, ${failed} left behind` : ''}`;
    const text = `${left}; ${formatBytes(bytesAdded)} ${dryRun ? 'would be ' : ''}stored`;
    const moved = followed.map(({ id, snapshot }) => ({ id, snapshot }));
    const json = { followed: moved, unchanged, failed, bytesStored: bytesAdded, ...(dryRun ? { dryRun } : {}) };
    await this.out.record('summary', json, text);
    if (failed > 0) this.exitWith(3);
  }
}
