/** What a server does with a request, whatever carries it: nothing here knows of sockets or of HTTP. */
import type { ByteRange, ObjectInfo } from '../backends/backend.ts';
import type { Routed } from '../protocol/verbs.ts';
import type { Caller } from './principal.ts';

export interface ServerRequest extends Routed {
  readonly query: ReadonlyMap<string, string>;
  /** Of `get`: all of it without one. */
  readonly range?: ByteRange;
  /** Bytes of the body, as the client has announced them. */
  readonly length?: number;
  readonly body: AsyncIterable<Uint8Array>;
  /** For what lasts: a signal that fires when whoever asked has gone away. */
  readonly gone?: () => AbortSignal;
}

export type Answer =
  | { readonly type: 'json'; readonly value: unknown }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'done' }
  /** There is no such object. */
  | { readonly type: 'absent' }
  /** `bytes` is undefined where only the facts were asked for. */
  | { readonly type: 'object'; readonly info: ObjectInfo; readonly range?: ByteRange; readonly bytes?: Pieces }
  | { readonly type: 'bytes'; readonly bytes: Pieces }
  /** JSON, a line each, as they come: may take for ever. `cut` fires when the right to it has ended, also while nobody takes any. */
  | { readonly type: 'lines'; readonly bytes: Pieces; readonly cut: AbortSignal };

/** Of some hundred KiB. Each lasts only until the next one is asked for: its memory is used again. */
export type Pieces = AsyncIterable<Uint8Array>;

/** @throws NeoError for what is refused */
export type Handler = (caller: Caller, request: ServerRequest) => Promise<Answer>;
