/** Processes that are watched while they run, and none of which stays behind. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';

const alive = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** Ends with this process at the latest. */
export function keep<T extends ChildProcess>(child: T): T {
  alive.add(child);
  child.once('exit', () => alive.delete(child));
  child.once('error', () => alive.delete(child));
  return child;
}

/** In good order, or not after ten seconds. */
export async function end(child: ChildProcess): Promise<void> {
  if (!alive.has(child)) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(timer);
}

export async function endAll(): Promise<void> {
  await Promise.all([...alive].map(end));
}

/** Bytes. `peak` is the most that was resident since the start or since {@link resetPeak}. */
export interface Memory {
  readonly resident: number;
  readonly peak: number;
  /** Without what is mapped from files, as the program itself. */
  readonly anonymous: number;
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) * 1024;
  return { resident: field('VmRSS'), peak: field('VmHWM'), anonymous: field('RssAnon') };
}

/** From now on `VmHWM` counts anew (proc(5), clear_refs). */
export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** Of Linux on all processors of today. */
const TICKS_A_SECOND = 100;
/** utime and stime (proc(5), stat), counted behind the name in brackets. */
const UTIME = 11;

/** Seconds, user and system, of all its threads. */
export function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[UTIME]) + Number(fields[UTIME + 1])) / TICKS_A_SECOND;
}
