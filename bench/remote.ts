/**
 * `node bench/remote.ts [--storage sftp,s3] [--corpus big,small] [--delay MS] [--rounds N] [--quick]`: neo and restic in
 * turns, in repositories on one server on loopback (OpenSSH, Ceph's gateway with its data in memory), perhaps behind a
 * line that is long; and of one large file also what a plain client takes for it, `sftp` or `curl`. Needs `npm run build`, restic, and what `.ci/run` installs. Prints a table in Markdown.
 */
import fs from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startRadosgw } from '../test/support/radosgw.ts';
import { startSshd } from '../test/support/sshd.ts';
import { type CorpusName, ensureCorpora, FULL, QUICK, REAL_FILES } from './corpora.ts';
import { median } from './figures.ts';
import { lineTo } from './line.ts';
import { type Command, findProgram, measure, type Usage } from './measure.ts';
import { type Call, LAUNCHER, PASSWORD, REMOTE_OPERATIONS } from './remote-operations.ts';
import { timeText } from './table.ts';

interface Server {
  readonly env: Readonly<Record<string, string>>;
  /** Of the n-th repository. */
  readonly neo: (n: number) => { readonly repo: string; readonly initFlags: readonly string[] };
  readonly restic: (n: number) => readonly string[];
  /** Shell commands of the plain client. */
  readonly plain: PlainClient;
  readonly stop: () => Promise<void>;
}

interface PlainClient {
  readonly name: string;
  readonly send: (file: string, as: string) => string;
  readonly fetch: (as: string, file: string) => string;
}

const SERVERS: Readonly<Record<string, (delay: number) => Promise<Server>>> = { sftp: overSsh, s3: inBuckets };

async function overSsh(delay: number): Promise<Server> {
  const sshd = await startSshd();
  const line = await lineTo(sshd.port, delay);
  const options = `-o Port=${line.port} -o HostKeyAlias=[127.0.0.1]:${sshd.port}`;
  const ssh = `${sshd.command} ${options}`;
  const sftp = `${sshd.command.replace(/^ssh/, 'sftp -q')} ${options} -b - 127.0.0.1`;
  const folder = (of: string, n: number): string => `${sshd.files}/${of}-${n}`;
  return {
    env: { NEO_SSH: ssh },
    neo: (n) => ({ repo: `sftp://127.0.0.1${folder('neo', n)}`, initFlags: [] }),
    restic: (n) => ['-r', `sftp:127.0.0.1:${folder('restic', n)}`, '-o', `sftp.command=${ssh} -s 127.0.0.1 sftp`],
    plain: {
      name: 'sftp',
      send: (file, as) => `echo 'put ${file} ${sshd.files}/${as}' | ${sftp}`,
      fetch: (as, file) => `echo 'get ${sshd.files}/${as} ${file}' | ${sftp}`,
    },
    async stop() {
      await line.stop();
      await sshd.stop();
    },
  };
}

async function inBuckets(delay: number): Promise<Server> {
  const gateway = await startRadosgw();
  const line = await lineTo(Number(new URL(gateway.endpoint).port), delay);
  const endpoint = `http://127.0.0.1:${line.port}`;
  const user = `${gateway.env.AWS_ACCESS_KEY_ID}:${gateway.env.AWS_SECRET_ACCESS_KEY}`;
  const curl = `curl -sf --aws-sigv4 aws:amz:us-east-1:s3 --user ${user} -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD'`;
  return {
    env: gateway.env,
    neo: (n) => ({ repo: `s3://neo-${n}/x?endpoint=${endpoint}`, initFlags: ['--create-bucket'] }),
    restic: (n) => ['-r', `s3:${endpoint}/restic-${n}`],
    plain: {
      name: 'curl',
      send: (file, as) => `${curl} -X PUT ${endpoint}/plain && ${curl} -T ${file} ${endpoint}/plain/${as}`,
      fetch: (as, file) => `${curl} -o ${file} ${endpoint}/plain/${as}`,
    },
    async stop() {
      await line.stop();
      await gateway.stop();
    },
  };
}

const { values } = parseArgs({
  options: {
    storage: { type: 'string', default: 'sftp,s3' },
    corpus: { type: 'string', default: 'big,small' },
    delay: { type: 'string', default: '0' },
    rounds: { type: 'string', default: '1' },
    quick: { type: 'boolean', default: false },
  },
});
const restic = findProgram('restic');
if (restic === undefined) throw new Error('restic is not on the PATH');
const corpora = join(tmpdir(), 'neo-bench', values.quick ? 'quick' : 'full');
fs.mkdirSync(corpora, { recursive: true });
const say = (line: string): void => void process.stderr.write(`bench: ${line}\n`);
const names = values.corpus.split(',') as CorpusName[];
ensureCorpora({ folder: corpora, sizes: values.quick ? QUICK : FULL, seed: 1, roots: REAL_FILES, say }, names);

let repositories = 0;
/** Removed when all is measured: for half a minute ext4 without a journal makes new files slowly where others went. */
const places: string[] = [];

/** One round; adds to `pairs`. */
async function play(server: Server, corpus: string, pairs: Map<string, [Usage, Usage][]>): Promise<void> {
  repositories += 1;
  const place = fs.mkdtempSync(join(tmpdir(), 'neo-bench-remote-'));
  const { repo, initFlags } = server.neo(repositories);
  const base = { HOME: place, ...server.env };
  const neo = (call: Call): Command => ({
    argv: [process.execPath, LAUNCHER, ...call, '--repo', repo],
    env: { ...base, NEO_PASSWORD: PASSWORD },
    cwd: corpus,
  });
  const rival = (call: Call): Command => ({
    argv: [restic ?? '', ...server.restic(repositories), ...call],
    env: { ...base, RESTIC_PASSWORD: PASSWORD },
    cwd: corpus,
  });
  try {
    // Whoever reads them first would wait for the disk.
    await measure({ argv: ['sh', '-c', 'find . -type f -exec cat {} + > /dev/null'], env: {}, cwd: corpus });
    await measure(neo(['init', '-q', ...initFlags]));
    await measure(rival(['init', '-q']));
    for (const { name, ...calls } of REMOTE_OPERATIONS) {
      const target = (who: string): string => join(place, who);
      const pair: [Usage, Usage] = [
        await measure(neo(calls.neo(target('neo')))),
        await measure(rival(calls.restic(target('restic')))),
      ];
      pairs.set(name, [...(pairs.get(name) ?? []), pair]);
    }
    await playPlain(server.plain, corpus, place, pairs);
  } finally {
    places.push(place);
  }
}

/** The same bytes, only sent and fetched; of many files a plain client would show how it is told of them. */
async function playPlain(
  { name, send, fetch }: PlainClient,
  corpus: string,
  place: string,
  pairs: Map<string, [Usage, Usage][]>,
): Promise<void> {
  const [file, ...others] = fs.readdirSync(corpus);
  if (file === undefined || others.length > 0 || !fs.statSync(join(corpus, file)).isFile()) return;
  const as = `plain-${repositories}`;
  const steps = [
    ['first snapshot', send(join(corpus, file), as)],
    ['restore', fetch(as, join(place, file))],
  ] as const;
  for (const [operation, script] of steps) {
    const mine = pairs.get(operation)?.at(-1)?.[0];
    const plain = await measure({ argv: ['sh', '-c', script], env: { HOME: place } });
    const what = `${operation}, against ${name}`;
    if (mine !== undefined) pairs.set(what, [...(pairs.get(what) ?? []), [mine, plain]]);
  }
}

function lineOf(what: string, pairs: readonly [Usage, Usage][]): string {
  const of = (figure: (usage: Usage) => number, who: 0 | 1): number => median(pairs.map((pair) => figure(pair[who])));
  const [seconds, cpu] = [({ seconds: s }: Usage): number => s, ({ cpu: c }: Usage): number => c];
  const peak = ({ peak: p = 0 }: Usage): number => p / 2 ** 20;
  const times = median(pairs.map(([neo, other]) => other.seconds / neo.seconds));
  const cells = [
    what,
    times.toPrecision(2),
    `${timeText(of(seconds, 0))} / ${timeText(of(seconds, 1))}`,
    `${timeText(of(cpu, 0))} / ${timeText(of(cpu, 1))}`,
    `${of(peak, 0).toFixed(0)} / ${of(peak, 1).toFixed(0)}`,
  ];
  return `| ${cells.join(' | ')} |`;
}

console.log(`${availableParallelism()} cores, delay ${values.delay} ms each way\n`);
console.log(
  '| what | neo: times as fast | seconds: neo / restic or as named | CPU s | peak MiB |\n| --- | --- | --- | --- | --- |',
);
for (const kind of values.storage.split(',')) {
  const start = SERVERS[kind];
  if (start === undefined) throw new Error(`--storage ${kind}: there is ${Object.keys(SERVERS).join(', ')}`);
  for (const corpus of names) {
    const server = await start(Number(values.delay));
    const pairs = new Map<string, [Usage, Usage][]>();
    try {
      for (let round = 0; round < Number(values.rounds); round++) await play(server, join(corpora, corpus), pairs);
    } finally {
      await server.stop();
    }
    for (const [name, measured] of pairs) console.log(lineOf(`${kind}, ${corpus}: ${name}`, measured));
  }
}
for (const place of places) fs.rmSync(place, { recursive: true, force: true });
