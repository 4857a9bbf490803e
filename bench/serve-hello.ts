/** How long a greeting takes of a server that is busy with others: asked every 5 ms by a process of its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Trust } from '../src/backends/neo-control.ts';
import { type LoadProcess, withProcesses } from './load-process.ts';
import { type LoadPlan, withServer } from './serve-loads.ts';
import type { Figure } from './serve-report.ts';

const MIB = 2 ** 20;
const EVERY_MS = 5;
const WANTED = { most: 100 };
const HANDSHAKES = 100;
const UPLOADS = 10;
/** More than are filled in a phase. */
const PASSES = 32;
const LONG = 'long';

interface Crew {
  readonly port: number;
  readonly probe: LoadProcess;
  readonly shaker: LoadProcess;
  readonly uploader: LoadProcess;
  readonly trust: Trust;
  readonly trusts: readonly Trust[];
}

type Say = (what: string, value: number, unit: string, wanted?: Figure['wanted']) => void;
type Times = Awaited<ReturnType<typeof probed>>;

export async function playHello(plan: LoadPlan & { readonly rounds: number }): Promise<void> {
  const { quick, rounds } = plan;
  await withServer(plan, 'hello', async (server, say) => {
    const phases = [LONG, ...Array.from({ length: rounds }, (_, n) => `burst-${n}`)];
    for (const phase of phases) await server.targets(targetsOf(phase));
    const [trust, ...trusts] = await server.devices(1 + UPLOADS);
    await withProcesses(3, async ([probe, shaker, uploader]) => {
      if (!trust || !probe || !shaker || !uploader) return;
      await playPhases({ port: server.port, probe, shaker, uploader, trust, trusts }, quick, phases, say);
    });
  });
}

async function playPhases(crew: Crew, quick: boolean, phases: readonly string[], say: Say): Promise<void> {
  const mib = quick ? 4 : 64;
  await crew.uploader.do('prepareUploads', { count: UPLOADS, size: mib * MIB });
  // Code that runs for the first time.
  await probed(crew, () => sleep(1000));
  tell(say, 'nothing else running', await probed(crew, () => sleep(quick ? 2000 : 5000)));
  const bursts: Times[] = [];
  for (const phase of phases) if (phase !== LONG) bursts.push(await burst(crew, phase, say));
  tell(say, `while ${HANDSHAKES} shake hands at once and ${UPLOADS} upload ${mib} MiB`, joined(bursts), WANTED);
  tell(say, 'the same again and again', await enduring(crew, quick ? 2 : 15, say), WANTED);
}

function targetsOf(phase: string): string[] {
  return phase === LONG ? Array.from({ length: PASSES }, (_, n) => `${phase}-${n}`) : [phase];
}

async function probed({ probe, port }: Crew, work: () => Promise<unknown>) {
  await probe.do('startProbe', { port, every: EVERY_MS });
  await work();
  return probe.do('stopProbe', {});
}

/** Until both are done. */
async function burst(crew: Crew, phase: string, say: Say): Promise<Times> {
  const { port, shaker, uploader, trust, trusts } = crew;
  const work = async (): Promise<void> => {
    const [shaken, sent] = await Promise.all([
      shaker.do('shakeHands', { port, trust, atOnce: HANDSHAKES, least: HANDSHAKES, seconds: 0 }),
      uploader.do('upload', { port, trusts, targets: targetsOf(phase), seconds: 0 }),
    ]);
    say(`${phase}: ${shaken.made} handshakes`, shaken.seconds, 's');
    say(`${phase}: ${UPLOADS} uploads`, sent.seconds, 's');
  };
  return probed(crew, work);
}

async function enduring(crew: Crew, seconds: number, say: Say): Promise<Times> {
  const { port, shaker, uploader, trust, trusts } = crew;
  return probed(crew, async () => {
    const [shaken, sent] = await Promise.all([
      shaker.do('shakeHands', { port, trust, atOnce: HANDSHAKES, least: HANDSHAKES, seconds }),
      uploader.do('upload', { port, trusts, targets: targetsOf(LONG), seconds }),
    ]);
    say('again and again: handshakes', shaken.made / shaken.seconds, 'a second');
    say('again and again: uploads', sent.bytes / MIB / sent.seconds, 'MiB/s');
  });
}

function joined(times: readonly Times[]): Times {
  const ascending = (a: number, b: number): number => a - b;
  return {
    milliseconds: times.flatMap((each) => each.milliseconds).sort(ascending),
    late: times.flatMap((each) => each.late).sort(ascending),
  };
}

function tell(say: Say, when: string, { milliseconds, late }: Times, wanted?: Figure['wanted']): void {
  say(`${when}: greetings`, milliseconds.length, '');
  say(`${when}: p50`, percentile(milliseconds, 0.5), 'ms');
  say(`${when}: p99`, percentile(milliseconds, 0.99), 'ms', wanted);
  say(`${when}: longest`, milliseconds.at(-1) ?? Number.NaN, 'ms');
  say(`${when}: p99 of how late the asking was`, percentile(late, 0.99), 'ms');
}

/** Of values in ascending order: the least that so large a part does not exceed. */
function percentile(ascending: readonly number[], part: number): number {
  return ascending[Math.ceil(ascending.length * part) - 1] ?? Number.NaN;
}
