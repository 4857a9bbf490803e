/** Keys held in memory by the user's agent, so that a password is stretched once and not by every command. */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { equalBytes } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { clientId } from '../core/ids.ts';
import { ownModule } from '../core/program-files.ts';
import type { OpenOptions, Repository } from '../repo/repository.ts';
import { type Answer, askAgent } from './agent/exchange.ts';
import { type HeldKey, LONGEST_LIFETIME } from './agent/messages.ts';
import { agentFolder, whyUnsafe } from './agent/place.ts';
import type { Environment } from './folders.ts';
import { systemFolders } from './surroundings.ts';

export { type HeldKey, LONGEST_LIFETIME };

/** Milliseconds that a new agent may take to answer. */
const START_WITHIN = 5_000;
const ASK_EVERY = 20;

function ownFolder(): string {
  return agentFolder(process.env, systemFolders());
}

/** What opens one of these repositories without a password, if the agent has it. An agent that is not to be trusted is told. */
export async function heldOptions(
  repositories: readonly string[],
  keySlot: string | undefined,
  note: (text: string) => void,
): Promise<OpenOptions | undefined> {
  const answer = await askAgent(ownFolder(), { type: 'get', repositories: [...repositories] });
  if (answer.status === 'wrong') note(`the agent is not used: ${answer.reason}`);
  if (answer.status !== 'answered') return undefined;
  const [key] = answer.keys;
  if (key === undefined || !repositories.includes(key.repository) || answer.secret.length !== 32) return undefined;
  if (!key.client.startsWith(keySlot ?? '')) return undefined;
  return { credential: { type: 'secret', secret: answer.secret }, keySlot: clientId(key.client) };
}

/**
 * Hands the key that opened the repository to the agent, which is started if there is none.
 * @param location absolute, as the user will name it to lock it
 * @throws NeoError failed when no agent can be had
 */
export async function holdKey(
  { id, client, kek }: Repository,
  location: string,
  lifetime: number,
  note: (text: string) => void,
): Promise<HeldKey> {
  const folder = ownFolder();
  const present = await askAgent(folder, { type: 'list' });
  if (present.status === 'wrong') note(`another agent is started: ${present.reason}`);
  if (present.status !== 'answered') await startAgent(folder);
  const key = { repository: id, client, location };
  await askAgent(folder, { type: 'hold', key, lifetime }, kek);
  // Asked anew: of two agents that start at once, only one is left.
  const answer = await askAgent(folder, { type: 'get', repositories: [id] });
  const [held] = keysOf(answer);
  if (answer.status === 'answered' && held !== undefined && equalBytes(answer.secret, kek)) return held;
  throw cannotHold(answer.status === 'wrong' ? answer.reason : 'it does not answer');
}

/** The keys that are held. @throws NeoError failed when the agent cannot be asked */
export async function listHeld(): Promise<readonly HeldKey[]> {
  return keysOf(await askAgent(ownFolder(), { type: 'list' }));
}

/** Ends them at once; `all`, or those of a place. @returns which @throws NeoError failed when the agent cannot be asked */
export async function forgetKeys(
  which: 'all' | { readonly location: string; readonly repositories: readonly string[] },
): Promise<readonly HeldKey[]> {
  if (which === 'all') return keysOf(await askAgent(ownFolder(), { type: 'forget-all' }));
  const { location, repositories } = which;
  const request = { type: 'forget' as const, location, repositories: [...repositories] };
  return keysOf(await askAgent(ownFolder(), request));
}

function keysOf(answer: Answer): readonly HeldKey[] {
  if (answer.status === 'wrong') {
    throw new NeoError('failed', `the agent cannot be asked: ${answer.reason}`, {
      hint: 'if it is yours, end the process `neo agent`',
    });
  }
  return answer.status === 'answered' ? answer.keys : [];
}

function cannotHold(reason: string): NeoError {
  return new NeoError('failed', `the agent cannot be started: ${reason}`, {
    hint: 'set XDG_RUNTIME_DIR to a folder of yours, or use a key file',
  });
}

async function startAgent(folder: string): Promise<void> {
  if (process.getuid === undefined) throw cannotHold('this system has no sockets that are the user’s own');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const reason = whyUnsafe(folder);
  if (reason !== undefined) throw cannotHold(reason);
  // A session of its own: Ctrl-C and the end of the terminal do not reach it.
  const child = spawn(process.execPath, [fileURLToPath(ownModule('cli/agent/process')), folder], {
    cwd: '/',
    detached: true,
    stdio: 'ignore',
    env: agentEnvironment(process.env),
  });
  let failure: string | undefined;
  child.on('error', (error) => {
    failure = error.message;
  });
  child.on('exit', (code) => {
    if (code !== 0) failure = `it ended with ${code}`;
  });
  child.unref();
  for (let waited = 0; waited < START_WITHIN; waited += ASK_EVERY) {
    await sleep(ASK_EVERY);
    if ((await askAgent(folder, { type: 'list' })).status === 'answered') return;
    if (failure !== undefined) throw cannotHold(failure);
  }
  throw cannotHold('it does not answer');
}

/** It lives longer than the command: nothing of neo's settings, and no password, stays in its environment. */
function agentEnvironment(env: Environment): { [name: string]: string | undefined } {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(NEO|NODE)_/.test(name)));
}
