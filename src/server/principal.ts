/** Who asks: as the line tells it, and as the server knows it. */
import type { Role } from '../protocol/control.ts';

/** What is known of whoever is at the other end, whatever carries the requests. */
export interface Caller {
  /** Of the connection; random, and never a right to anything. */
  readonly connection: string;
  /** Whose tries are counted together: an address, or a network. */
  readonly network: string;
  /** SHA-256 in hex of the public key that the connection was made with; it was proved. */
  readonly deviceKey?: string | undefined;
  readonly token?: string | undefined;
  /** SHA-256 of the public key that the server has shown on the connection. */
  readonly serverKey?: Uint8Array | undefined;
}

export interface Principal {
  readonly account: {
    readonly id: string;
    readonly name: string;
    /** Of a sub-account: the id of the one whose targets it names without an owner. */
    readonly parent: string | undefined;
    readonly isAdministrator: boolean;
    readonly hasSecondFactor: boolean;
    /** Another server, which stores here what it was given. */
    readonly isReplica: boolean;
    /** Of a replica: it stores in all accounts, and not only in those that another server has brought. */
    readonly reachesAll: boolean;
  };
  readonly device?: { readonly id: string; readonly name: string };
  /** `target`: the id of the only one that it is good for. */
  readonly token?: { readonly id: string; readonly name: string; readonly target: string | undefined };
  /** Nowhere may it do more than this. */
  readonly role: Role;
  /** Milliseconds since 1970; undefined: for ever. */
  readonly until: number | undefined;
}
