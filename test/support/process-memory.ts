/** What a process of this machine has in its memory (Linux). */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

const PIECE = 4 << 20;

/** Of the texts those that stand in memory that the process can write to, as UTF-8 or as UTF-16. */
export function textsInMemory(pid: number, texts: readonly string[]): string[] {
  const forms = texts.map((text) => [Buffer.from(text), Buffer.from(text, 'utf16le')] as const);
  const longest = Math.max(...forms.flat().map(({ length }) => length));
  const found = new Set<string>();
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    for (const { from, to } of writableRegions(pid)) {
      // Overlapping, so that nothing is cut in two.
      for (let at = from; at < to; at += PIECE - longest) {
        const bytes = readQuietly(memory, at, Math.min(PIECE, to - at));
        for (const [i, each] of forms.entries()) {
          if (each.some((form) => bytes.includes(form))) found.add(texts[i] ?? '');
        }
      }
    }
  } finally {
    closeSync(memory);
  }
  return [...found];
}

function writableRegions(pid: number): { from: number; to: number }[] {
  const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n');
  return lines.flatMap((line) => {
    const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
    return from === undefined || to === undefined ? [] : [{ from: Number(`0x${from}`), to: Number(`0x${to}`) }];
  });
}

/** Empty where nothing can be read. */
function readQuietly(file: number, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  try {
    return bytes.subarray(0, readSync(file, bytes, 0, length, at));
  } catch {
    return Buffer.alloc(0);
  }
}
