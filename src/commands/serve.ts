import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import * as Flags from '@oclif/core/flags';
import { showFingerprint } from '../backends/neo-control.ts';
import { DEFAULT_PORT } from '../backends/neo-location.ts';
import { PlainCommand } from '../cli/base-command.ts';
import { parseListen } from '../cli/listen.ts';
import { systemFolders } from '../cli/surroundings.ts';
import { loadEngine } from '../engine/load.ts';
import { type RunningServer, runServer, type TlsFiles } from '../server/run.ts';

export default class Serve extends PlainCommand {
  static override summary = 'Run a server that stores repositories, and cannot read them';
  static override description =
    'At its first start it makes a data folder, a key by which clients know it, and a code that makes the first ' +
    'administrator: all are said, and nothing else has to be set up. It ends in good order on Ctrl-C and SIGTERM.';
  static override examples = [
    '<%= config.bin %> serve',
    '<%= config.bin %> serve --data-root /srv/neo --listen 0.0.0.0:4322 --name backup.example.org',
    '<%= config.bin %> serve --tls-cert /etc/neo/cert.pem --tls-key /etc/neo/key.pem',
    '<%= config.bin %> serve --listen 127.0.0.1:0 --json',
  ];
  static override flags = {
    'data-root': Flags.string({ helpValue: 'DIR', summary: 'Where all lies. Default: neo/server of the user.' }),
    listen: Flags.string({
      helpValue: 'HOST:PORT',
      summary: `Default: all addresses, port ${DEFAULT_PORT}; port 0: any.`,
    }),
    name: Flags.string({
      helpValue: 'HOST',
      multiple: true,
      summary: 'By which clients reach it, for its certificate.',
    }),
    'tls-cert': Flags.string({
      helpValue: 'FILE',
      dependsOn: ['tls-key'],
      summary: 'A certificate in PEM, in place of its own; followed when it changes.',
    }),
    'tls-key': Flags.string({
      helpValue: 'FILE',
      dependsOn: ['tls-cert'],
      summary: 'Its key in PEM. NEO_TLS_PASSPHRASE opens an encrypted one.',
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Serve);
    const { host, port } = parseListen(flags.listen);
    const dataRoot =
      flags['data-root'] === undefined ? join(systemFolders().data, 'server') : resolve(flags['data-root']);
    const { signal } = this;
    const server = await runServer({
      dataRoot,
      version: this.config.version,
      engine: await loadEngine(),
      host,
      port,
      names: flags.name ?? [hostname()],
      tls: tlsFiles(flags['tls-cert'], flags['tls-key']),
      log: (event, detail) => this.out.warn(`${event} ${JSON.stringify(detail)}`),
    });
    await this.#tell(server, host, dataRoot);
    await Promise.race([
      server.shutdownAsked,
      new Promise<void>((end) => signal.addEventListener('abort', () => end(), { once: true })),
    ]);
    await server.close();
    this.out.note('ended');
  }

  async #tell({ port, site, fingerprint, adminCode }: RunningServer, host: string, dataRoot: string): Promise<void> {
    const shown = showFingerprint(fingerprint);
    const facts = { host, port, fingerprint: shown, site, dataRoot, ...(adminCode === undefined ? {} : { adminCode }) };
    await this.out.object('listening', facts);
    await this.out.line(`listening at ${host}:${port}`);
    await this.out.line(`data        ${dataRoot}`);
    await this.out.line(`fingerprint ${shown}`);
    if (adminCode !== undefined) {
      await this.out.line(`nobody administers this server yet; whoever types this within a day will:`);
      await this.out.line(`  neo login neo://${hostname()}:${port} --code ${adminCode} --fingerprint ${shown}`);
    }
    await this.out.flush();
  }
}

function tlsFiles(cert: string | undefined, key: string | undefined): TlsFiles | undefined {
  if (cert === undefined || key === undefined) return undefined;
  return { cert: resolve(cert), key: resolve(key), passphrase: process.env['NEO_TLS_PASSPHRASE'] || undefined };
}
