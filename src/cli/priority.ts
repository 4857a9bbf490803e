/** Files that go first, and are safe in a partial snapshot before the others are read. */
import * as Flags from '@oclif/core/flags';
import { formatBytes, formatCounted } from '../core/format.ts';
import type { Output } from './output.ts';
import { SHORT_ID } from './snapshot-lines.ts';
import type { SnapshotFigures } from './snapshot-report.ts';

/** What `--priority defaults` stands for: keys, certificates, wallets and what password managers keep. */
const DEFAULTS = [
  '*.key',
  '*.pem',
  '*.p12',
  '*.pfx',
  '*.kdbx',
  '*.wallet',
  'wallet.dat',
  '*.password',
  'id_*',
  '*.gpg',
];

export const priorityFlags = {
  priority: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'PATTERN',
    helpGroup: 'WHAT GOES FIRST',
    exclusive: ['include', 'stdin', 'stdin-from-command'],
    summary:
      'Save what matches (gitignore syntax; may be given again) before all else, as a partial snapshot of its own. ' +
      `"defaults" stands for ${DEFAULTS.join(' ')}.`,
  }),
};

export function priorityPatterns(given: readonly string[]): readonly string[] {
  return given.flatMap((pattern) => (pattern === 'defaults' ? DEFAULTS : [pattern]));
}

export async function reportPriority(out: Output, figures: SnapshotFigures): Promise<void> {
  const { snapshot, filesNew, filesChanged, filesUnmodified, bytesStored } = figures;
  const files = filesNew + filesChanged + filesUnmodified;
  const text =
    snapshot === undefined
      ? `${formatCounted(files, 'file')} first: nothing new`
      : `${formatCounted(files, 'file')} first, ${formatBytes(bytesStored)} stored: partial snapshot ${snapshot.slice(0, SHORT_ID)}`;
  const counts = { filesNew, filesChanged, filesUnmodified, bytesStored };
  await out.record('priority', { snapshot: snapshot ?? null, ...counts }, text);
  // Whoever reads this may go on to rely on it.
  await out.flush();
}
