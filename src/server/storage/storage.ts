/** Where the objects of all targets of a server lie, each target by its id. */
import type { ObjectInfo, ServedBackend } from '../../backends/backend.ts';

export interface TargetStorage {
  /** The storage of one target, made where there is none. @throws NeoError */
  open(id: string): Promise<ServedBackend>;
  /** What lies in a folder of a target that may be open, or not be there; nothing is made for it. */
  look(id: string, folder: string): AsyncIterable<ObjectInfo>;
  /** Of all targets that are there, whoever has made them. */
  ids(): Promise<string[]>;
  /** For people. */
  whereIs(id: string): string;
  /**
   * As a whole, of a target that nobody uses any more. Once this has begun, it is ended by {@link finishRemovals} at the latest; nothing is ever
   * removed for which it was not called.
   */
  remove(id: string): Promise<void>;
  /** Removals that were going on when the server ended. */
  finishRemovals(): Promise<void>;
  /** Can it be used now? @throws NeoError within some seconds */
  check(): Promise<void>;
  close(): Promise<void>;
}
