/** neo by `neo serve` and restic by what serves it, in turns. */
import fs from 'node:fs';
import { join } from 'node:path';
import { cpuOf, memoryOf, resetPeak } from './children.ts';
import { lineTo } from './line.ts';
import { type Command, measure } from './measure.ts';
import { type Call, LAUNCHER, PASSWORD, REMOTE_OPERATIONS, type RemoteOperation } from './remote-operations.ts';
import { type RestServer, startRestServers } from './rest-servers.ts';
import { ServeProcess } from './serve-process.ts';
import type { Report } from './serve-report.ts';

export interface RepositoriesPlan {
  readonly corpora: readonly { readonly name: string; readonly folder: string }[];
  readonly rounds: number;
  /** Of the line, each way, milliseconds. */
  readonly delay: number;
  /** A new folder. */
  readonly place: string;
  readonly restic: string;
  readonly report: Report;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

interface Contestant {
  readonly name: string;
  /** Of its server. */
  readonly pid: number;
  readonly command: (call: Call, repository: string, corpus: string) => Command;
  readonly call: (operation: RemoteOperation, to: string) => Call;
  stop(): Promise<void>;
}

export async function playRepositories(plan: RepositoriesPlan): Promise<void> {
  for (const { name, folder } of plan.corpora) {
    const place = join(plan.place, name);
    const contestants = [await neoBy(place, plan), ...(await resticBy(place, plan))];
    for (let round = 0; round < plan.rounds; round++) {
      plan.say(`${name}, round ${round + 1} of ${plan.rounds}`);
      const turned = round % contestants.length;
      const inOrder = [...contestants.slice(turned), ...contestants.slice(0, turned)];
      await playRound(plan, { name, folder }, round, inOrder);
    }
    for (const contestant of contestants) await contestant.stop();
  }
}

async function neoBy(place: string, { signal, delay }: RepositoriesPlan): Promise<Contestant> {
  const server = await ServeProcess.start(place);
  const home = homeIn(place, 'neo');
  const line = await lineTo(server.port, delay);
  const url = `neo://127.0.0.1:${line.port}`;
  const argv = [process.execPath, LAUNCHER];
  const env = { HOME: home, NEO_PASSWORD: PASSWORD };
  const keys = ['--code', server.adminCode, '--fingerprint', server.shownFingerprint];
  await measure({ argv: [...argv, 'login', url, ...keys], env }, signal);
  return {
    name: 'neo',
    pid: server.pid,
    command: (call, repository, cwd) => ({ argv: [...argv, ...call, '--repo', `${url}/${repository}`], env, cwd }),
    call: (operation, to) => operation.neo(to),
    async stop() {
      await line.stop();
      await server.stop();
    },
  };
}

async function resticBy(place: string, { restic, delay }: RepositoriesPlan): Promise<Contestant[]> {
  const overLine = async (server: RestServer): Promise<Contestant> => {
    const line = await lineTo(server.port, delay);
    const env = { HOME: homeIn(place, server.name.replace(', ', '-')), RESTIC_PASSWORD: PASSWORD };
    return {
      name: server.name,
      pid: server.pid,
      command: (call, repository, cwd) => ({
        argv: [restic, ...server.flags(repository, line.port), ...call],
        env,
        cwd,
      }),
      call: (operation, to) => operation.restic(to),
      async stop() {
        await line.stop();
        await server.stop();
      },
    };
  };
  return Promise.all((await startRestServers(place)).map(overLine));
}

function homeIn(place: string, name: string): string {
  const home = join(place, 'homes', name);
  fs.mkdirSync(home, { recursive: true });
  return home;
}

async function playRound(
  { report, signal, place }: RepositoriesPlan,
  corpus: { readonly name: string; readonly folder: string },
  round: number,
  contestants: readonly Contestant[],
): Promise<void> {
  const repository = `round-${round}`;
  // Whoever reads them first would wait for the disk.
  await measure(
    { argv: ['sh', '-c', 'find . -type f -exec cat {} + > /dev/null'], env: {}, cwd: corpus.folder },
    signal,
  );
  for (const { command } of contestants) await measure(command(['init', '-q'], repository, corpus.folder), signal);
  for (const operation of REMOTE_OPERATIONS) {
    for (const { name, pid, command, call } of contestants) {
      // What the one before has left to be written is not to be waited for by this one.
      await measure({ argv: ['sync'], env: {} }, signal);
      const to = join(place, corpus.name, 'restored', `${name.replace(', ', '-')}-${round}`);
      fs.mkdirSync(join(to, '..'), { recursive: true });
      resetPeak(pid);
      const before = cpuOf(pid);
      const usage = await measure(command(call(operation, to), repository, corpus.folder), signal);
      const server = { serverCpu: cpuOf(pid) - before, serverPeak: memoryOf(pid).peak };
      report.turn({ corpus: corpus.name, operation: operation.name, round: round + 1, who: name, ...usage, ...server });
    }
  }
}
