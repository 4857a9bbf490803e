/** Snapshots from one opened repository to another, chosen by flags. */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import * as Flags from '@oclif/core/flags';
import { utf8 } from '../core/bytes.ts';
import type { EventSink } from '../core/events.ts';
import { loadIndex } from '../repo/indexed.ts';
import { filterSnapshots } from '../snapshot/filter.ts';
import { selectSnapshot } from '../snapshot/select.ts';
import { type CopySummary, copySnapshots } from '../tasks/copy.ts';
import { lookAtSnapshots } from '../tasks/snapshots.ts';
import type { Opened } from './open.ts';

const many = { multiple: true, multipleNonGreedy: true } as const;

export const copyFilterFlags = {
  host: Flags.string({ ...many, helpValue: 'NAME', summary: 'Only those of this host.' }),
  tag: Flags.string({ ...many, helpValue: 'TAG[,TAG]', summary: 'Only those with this tag, or with all of these.' }),
  path: Flags.string({ ...many, helpValue: 'PATH', summary: 'Only those in which this path can lie.' }),
};

export interface CopyChoice {
  readonly host?: readonly string[] | undefined;
  readonly tag?: readonly string[] | undefined;
  readonly path?: readonly string[] | undefined;
  /** As people name snapshots; none: all. */
  readonly references?: readonly string[];
  readonly 'dry-run': boolean;
}

/** Looks at both anew. @throws as copySnapshots; usage or failed for a name that is none */
export async function copyBetween(
  from: Opened,
  to: Opened,
  choice: CopyChoice,
  events: EventSink,
  signal: AbortSignal | undefined,
): Promise<CopySummary> {
  const fromLook = await lookAtSnapshots(from.repository, from.state, events);
  const toLook = await lookAtSnapshots(to.repository, to.state, events);
  const { references = [] } = choice;
  const named = references.map((reference) => selectSnapshot(fromLook.snapshots, reference, undefined, fromLook));
  const chosen = new Set(references.length === 0 ? fromLook.snapshots : named);
  const filter = {
    hosts: choice.host ?? [],
    tags: choice.tag ?? [],
    paths: (choice.path ?? []).map((path) => utf8(resolve(path))),
  };
  const options = {
    from: await loadIndex(from.repository, 0),
    fromLook,
    snapshots: filterSnapshots(
      fromLook.snapshots.filter((snapshot) => chosen.has(snapshot)),
      filter,
    ),
    to: await loadIndex(to.repository),
    toState: to.state,
    toLook,
    dryRun: choice['dry-run'],
    workers: availableParallelism(),
  };
  return copySnapshots(options, events, signal);
}
