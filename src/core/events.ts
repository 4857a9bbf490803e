/** What long work tells its readers (terminal bar, `--json`, a monitor): one typed stream. */
export type NeoEvent =
  | { readonly type: 'progress'; readonly phase: string; readonly progress: Progress }
  | { readonly type: 'warning'; readonly message: string; readonly path?: Uint8Array; readonly code?: string }
  | { readonly type: 'note'; readonly message: string }
  /** The repository is not what it was, and nobody who may has changed it. The work goes on; the exit code tells. */
  | { readonly type: 'alarm'; readonly message: string };

export interface Progress {
  readonly files: number;
  readonly bytes: number;
  /** Absent while the total is not known yet. */
  readonly totalFiles?: number;
  readonly totalBytes?: number;
  /** What is being worked on, for people. */
  readonly current?: string;
}

export type EventSink = (event: NeoEvent) => void;

export const ignoreEvents: EventSink = () => undefined;
