/**
 * Names of repositories put into `config.toml` and taken out of it, a line each: comments and order stay as their author
 * left them. What comes out is read again before it is written; a file that is written in another way is left to him.
 */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { NeoError, systemCode } from '../core/errors.ts';
import type { Config } from './config.ts';
import { parseConfig } from './config-text.ts';
import type { Folders } from './folders.ts';

const NAME = /^[\w.-]+$/;
const HEAD = /^[ \t]*\[[ \t]*repositories[ \t]*\][ \t]*(#.*)?$/m;

/** @throws NeoError usage for what is no name, or a file that cannot be edited; already-exists */
export async function addRepository(folders: Folders, name: string, location: string): Promise<void> {
  if (!NAME.test(name)) {
    throw new NeoError('usage', `not a name: ${JSON.stringify(name)}`, { hint: 'letters, digits, ., _ and -' });
  }
  await edit(folders, (text, config) => {
    const known = Object.hasOwn(config.repositories, name) ? config.repositories[name] : undefined;
    if (known === location) return { text, repositories: config.repositories };
    if (known !== undefined) {
      throw new NeoError('already-exists', `${name} is ${known} already`, { hint: `first: neo repo remove ${name}` });
    }
    const line = `${JSON.stringify(name)} = ${JSON.stringify(location)}`;
    return { text: withLine(text, line), repositories: { ...config.repositories, [name]: location } };
  });
}

/** @throws NeoError failed when there is none of that name; usage for a file that cannot be edited */
export async function removeRepository(folders: Folders, name: string): Promise<void> {
  await edit(folders, (text, config) => {
    if (!Object.hasOwn(config.repositories, name)) {
      throw new NeoError('failed', `there is no repository named ${name}`, { hint: 'see: neo repo list' });
    }
    const { [name]: _, ...repositories } = config.repositories;
    const pattern = new RegExp(`^[ \\t]*(["']?)${name.replaceAll('.', '\\.')}\\1[ \\t]*=.*(\\n|$)`, 'm');
    return { text: text.replace(pattern, ''), repositories };
  });
}

function withLine(text: string, line: string): string {
  const head = HEAD.exec(text);
  if (head !== null) {
    const end = head.index + head[0].length;
    return `${text.slice(0, end)}\n${line}${text.slice(end)}`;
  }
  const before = text === '' || text.endsWith('\n') ? text : `${text}\n`;
  return `${before}${before === '' ? '' : '\n'}[repositories]\n${line}\n`;
}

interface Edited {
  readonly text: string;
  readonly repositories: Config['repositories'];
}

async function edit(folders: Folders, change: (text: string, config: Config) => Edited): Promise<void> {
  const path = join(folders.config, 'config.toml');
  const before = await textOf(path);
  const { text, repositories } = change(before, parseConfig(before, path));
  if (text === before) return;
  if (!isAs(text, path, repositories)) {
    throw new NeoError('usage', `${path} is not written as neo would write it`, { hint: 'edit it by hand' });
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, text, { mode: 0o600, flush: true });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return '';
    throw error;
  }
}

/** The names and locations that are meant, and no others. */
function isAs(text: string, path: string, wanted: Config['repositories']): boolean {
  try {
    const { repositories } = parseConfig(text, path);
    const names = Object.keys(repositories);
    return names.length === Object.keys(wanted).length && names.every((name) => repositories[name] === wanted[name]);
  } catch {
    return false;
  }
}
