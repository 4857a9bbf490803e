import { hostname } from 'node:os';
import * as Flags from '@oclif/core/flags';
import { showFingerprint } from '../backends/neo-control.ts';
import { DEFAULT_PORT, showNeoHost } from '../backends/neo-location.ts';
import { showS3 } from '../backends/s3-location.ts';
import { PlainCommand } from '../cli/base-command.ts';
import { dataRootFlag, dataRootOf } from '../cli/data-root.ts';
import { openLogSink } from '../cli/log-sink.ts';
import { serverConfig } from '../cli/server-config.ts';
import { stopSignal } from '../cli/stop-signals.ts';
import { systemSurroundings } from '../cli/surroundings.ts';
import { systemClock } from '../core/clock.ts';
import { LEVELS, readSetting, SETTINGS } from '../protocol/settings.ts';
import { makeLog } from '../server/log.ts';
import { type RunningServer, runServer } from '../server/run.ts';

export default class Serve extends PlainCommand {
  static override summary = 'Run a server that stores repositories, and cannot read them';
  static override description =
    'At its first start it makes a data folder, a key by which clients know it, and a code that makes the first ' +
    'administrator: all are said, and nothing else has to be set up. It ends in good order on Ctrl-C and SIGTERM; on ' +
    'SIGHUP it goes on in a new log file. Its log is on standard error, a JSON object a line (docs/server.md).';
  static override examples = [
    '<%= config.bin %> serve',
    '<%= config.bin %> serve --data-root /srv/neo --listen 0.0.0.0:4322 --name backup.example.org',
    '<%= config.bin %> serve --tls-cert /etc/neo/cert.pem --tls-key /etc/neo/key.pem',
    '<%= config.bin %> serve --config /etc/neo/server.toml --log /var/log/neo.log',
    "<%= config.bin %> serve --store 's3://backup/neo?endpoint=https://s3.example.org'",
    '<%= config.bin %> serve --dev --listen 127.0.0.1:0 --json',
  ];
  static override flags = {
    ...dataRootFlag,
    config: Flags.string({ helpValue: 'FILE', summary: 'TOML; flags win over it. Default: server.toml in DIR.' }),
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
    store: Flags.string({
      helpValue: 'S3',
      summary: 'A bucket for all objects: s3://bucket/prefix?endpoint=URL. Default: the data folder.',
    }),
    log: Flags.string({ helpValue: 'FILE', summary: 'Append the log to this file. Default: standard error.' }),
    'log-level': Flags.string({ options: [...LEVELS], summary: 'The least that is logged. Default: info.' }),
    'remove-after': Flags.string({
      helpValue: 'TIME',
      summary: 'How long what a prune has marked stays, whoever asks. Default: 20h.',
    }),
    dev: Flags.boolean({ summary: 'For development, on loopback alone: no policy of second factors holds.' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Serve);
    const dataRoot = dataRootOf(flags);
    const { listen, log: file, ...config } = await serverConfig(flags, dataRoot);
    const sink = openLogSink(file);
    const form = sink.isTerminal ? 'text' : 'json';
    const level = readSetting('log-level', config.settings['log-level']?.value ?? SETTINGS['log-level'].standard);
    const log = makeLog({ level, form, write: sink.write, clock: systemClock });
    // A terminal that went away takes the server with it; without one a log is to be opened anew.
    const signal = stopSignal(sink.isTerminal ? undefined : sink.reopen);
    if (config.dev && (sink.isTerminal || file !== undefined)) this.out.warn('--dev: for development, no policy holds');
    try {
      const { engine } = await systemSurroundings();
      const server = await runServer({
        dataRoot,
        version: this.config.version,
        engine,
        ...listen,
        ...config,
        log: log.log,
        onLevel: log.setLevel,
      });
      await this.#tell(server, listen.host, dataRoot, config.store && showS3(config.store.place));
      await server.close(await Promise.race([signal, server.shutdownAsked.then(() => 'shutdown')]));
    } finally {
      log.end();
    }
  }

  async #tell(server: RunningServer, host: string, dataRoot: string, store?: string): Promise<void> {
    const { port, metricsPort, site, made, adminCode } = server;
    const fingerprint = showFingerprint(server.fingerprint);
    const facts = { host, port, fingerprint, site, dataRoot, made };
    const more = {
      ...(store !== undefined && { store }),
      ...(metricsPort && { metricsPort }),
      ...(adminCode !== undefined && { adminCode }),
    };
    await this.out.object('listening', { ...facts, ...more });
    for (const path of made) await this.out.line(`made        ${path}`);
    await this.out.line(`listening at ${host}:${port}`);
    await this.out.line(`data        ${dataRoot}`);
    if (store !== undefined) await this.out.line(`objects     ${store}`);
    await this.out.line(`fingerprint ${fingerprint}`);
    if (adminCode !== undefined) {
      await this.out.line(`nobody administers this server yet; whoever types this within a day will:`);
      await this.out.line(`  neo login ${reachable(host, port)} --code ${adminCode} --fingerprint ${fingerprint}`);
    }
    await this.out.flush();
  }
}

function reachable(host: string, port: number): string {
  return showNeoHost({ host: host === '0.0.0.0' || host === '::' ? hostname() : host, port });
}
