/** A command that asks a server something: which server, and as whom. */
import * as Flags from '@oclif/core/flags';
import { ControlClient, type Trust } from '../backends/neo-control.ts';
import { type NeoHost, parseNeoHost } from '../backends/neo-location.ts';
import { PlainCommand } from './base-command.ts';
import { traced } from './connection.ts';
import { outputFlags } from './flags.ts';
import { onlyServer, pinned, trustAt } from './server-trust.ts';
import { systemFolders } from './surroundings.ts';

export const serverFlags = {
  server: Flags.string({
    summary: 'neo://HOST, or neo://ACCOUNT@HOST where several are logged in. Also NEO_SERVER.',
    helpValue: 'URL',
    helpGroup: 'GLOBAL',
  }),
  'debug-protocol': Flags.boolean({
    summary: 'Print each request to the server, with sizes, on standard error.',
    helpGroup: 'GLOBAL',
  }),
};

/** `run` asks through {@link ask}, which connects, and hangs up at the end. */
export abstract class ServerCommand extends PlainCommand {
  static override baseFlags = { ...serverFlags, ...outputFlags };

  protected async ask<T>(
    flags: { readonly server?: string | undefined; readonly 'debug-protocol'?: boolean | undefined },
    work: (client: ControlClient, host: NeoHost, trust: Trust) => Promise<T>,
  ): Promise<T> {
    const folders = systemFolders();
    const named = flags.server ?? (process.env['NEO_SERVER'] || undefined);
    const host = named === undefined ? await onlyServer(folders) : parseNeoHost(named);
    const trust = traced(await trustAt(host, folders, process.env), flags, this.out);
    const client = new ControlClient(host, trust);
    try {
      return await work(client, host, trust);
    } finally {
      await client.close();
    }
  }

  /** The server shows the same key all along. */
  protected async askPinned<T>(
    flags: { readonly server?: string | undefined; readonly 'debug-protocol'?: boolean | undefined },
    work: (client: ControlClient, trust: Trust) => Promise<T>,
  ): Promise<T> {
    return this.ask(flags, async (_, host, known) => {
      const trust = await pinned(host, known);
      const client = new ControlClient(host, trust);
      try {
        return await work(client, trust);
      } finally {
        await client.close();
      }
    });
  }
}
