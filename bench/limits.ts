/** What the machine allows: programs that do only a part of what a backup does. */
import { join } from 'node:path';
import { type Command, findProgram } from './measure.ts';

export interface Limit {
  readonly name: string;
  readonly command: Command;
}

const WORK = [process.execPath, join(import.meta.dirname, 'limit-work.ts')];

/** @param to a path that the command makes */
export function limitsOf(corpus: string, to: string): Limit[] {
  const env = {};
  const packed = 'tar -C "$0" -cf - . | zstd -q -3 -T2 > "$1"';
  return [
    { name: 'cp -a', command: { argv: ['cp', '-a', corpus, to], env } },
    ...(findProgram('zstd') === undefined
      ? []
      : [{ name: 'tar, zstd -3 -T2', command: { argv: ['sh', '-c', packed, corpus, to], env } }]),
    { name: 'read and BLAKE3', command: { argv: [...WORK, 'blake3', corpus], env } },
    { name: 'write and fsync', command: { argv: [...WORK, 'write', corpus, to], env } },
  ];
}
