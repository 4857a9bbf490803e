/** The outside world of the library, as the command line has it: the only place where the environment is read. */
import { homedir } from 'node:os';
import { NeoError } from '../core/errors.ts';
import { systemRandom } from '../core/random.ts';
import { loadEngine } from '../engine/load.ts';
import type { Surroundings } from '../repo/repository.ts';
import { type Folders, userFolders } from './folders.ts';
import { machineClock } from './machine-clock.ts';

/** @throws NeoError usage for an unknown NEO_ENGINE */
export async function systemSurroundings(env = process.env): Promise<Surroundings> {
  const name = env['NEO_ENGINE'];
  if (name !== undefined && name !== '' && name !== 'native' && name !== 'portable') {
    throw new NeoError('usage', `NEO_ENGINE is ${JSON.stringify(name)}`, { hint: 'it is native or portable' });
  }
  const engine = await (name === undefined || name === '' ? loadEngine() : loadEngine(name));
  return { engine, clock: machineClock, random: systemRandom };
}

/** NEO_PROFILE=1: where the time goes, after the work is done. */
export function wantsProfile(env = process.env): boolean {
  return env['NEO_PROFILE'] === '1';
}

export function systemFolders(env = process.env): Folders {
  return userFolders(env, env['HOME'] || homedir());
}
