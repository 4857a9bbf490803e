/** What all parts of one restore share. */
import type { PathFilter } from '../../fs/ignore-filter.ts';
import type { TargetSystem } from '../../fs/target-names.ts';
import type { LoadBlob } from '../../snapshot/tree.ts';
import type { LeftOut } from './left-out.ts';
import type { MetadataReader } from './metadata.ts';
import type { RestorePool } from './pool.ts';
import type { Tally } from './tally.ts';

/** What is done about an existing file. */
export type Overwrite = 'always' | 'if-changed' | 'if-newer' | 'never';

export interface RestoreAction {
  readonly action: 'create' | 'update' | 'unchanged' | 'skip' | 'delete';
  readonly type: string;
  /** Absolute, on disk. */
  readonly path: Uint8Array;
  readonly size?: number;
}

export interface Context {
  readonly load: LoadBlob;
  readonly metadata: MetadataReader;
  readonly filter: PathFilter;
  readonly leftOut: LeftOut;
  readonly tally: Tally;
  readonly pool: RestorePool;
  readonly overwrite: Overwrite;
  readonly verify: boolean;
  readonly devices: boolean;
  /** Names are made such as it takes. */
  readonly targetSystem: TargetSystem | undefined;
  /** Leftovers of an interrupted restore are removed. */
  readonly resume: boolean;
  readonly deletes: boolean;
  /** 'count': look only for what would be deleted. */
  readonly mode: 'restore' | 'dry-run' | 'count';
  readonly signal: AbortSignal | undefined;
  readonly act: (action: RestoreAction) => void;
}
