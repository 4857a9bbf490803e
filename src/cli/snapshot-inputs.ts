/** From the arguments of `neo snapshot` to sources or a stream. */
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { utf8 } from '../core/bytes.ts';
import { messageOf, NeoError } from '../core/errors.ts';

export interface ListFlags {
  readonly 'files-from'?: string[] | undefined;
  readonly 'files-from-verbatim'?: string[] | undefined;
  readonly 'files-from-raw'?: string[] | undefined;
}

export type ParseList = (bytes: Uint8Array, form: 'lines' | 'verbatim' | 'raw') => Uint8Array[];

/** Paths of the arguments and of lists; `-` is standard input. @throws NeoError usage for a list that cannot be read */
export async function gatherPaths(args: readonly string[], flags: ListFlags, parse: ParseList): Promise<Uint8Array[]> {
  const paths = args.map((path) => utf8(path));
  const lists = [
    { form: 'lines', files: flags['files-from'] },
    { form: 'verbatim', files: flags['files-from-verbatim'] },
    { form: 'raw', files: flags['files-from-raw'] },
  ] as const;
  for (const { form, files } of lists) {
    for (const file of files ?? []) paths.push(...parse(await readList(file), form));
  }
  return paths;
}

async function readList(file: string): Promise<Uint8Array> {
  try {
    return file === '-' ? await buffer(process.stdin) : await readFile(file);
  } catch (cause) {
    throw new NeoError('usage', `cannot read the list ${file}: ${messageOf(cause)}`, { cause });
  }
}
