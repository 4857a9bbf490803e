/** Reads the event stream of long work. */
import { displayBytes } from '../core/bytes.ts';
import type { EventSink } from '../core/events.ts';
import type { Output } from './output.ts';
export class Progress {
  readonly sink: EventSink;
  constructor(out: Output) {
    this.sink = (event) => {
      if (event.type === 'warning')
        out.warn(event.path === undefined ? event.message : `${displayBytes(event.path)}: ${event.message}`);
    };
  }
  end(): void {}
}
