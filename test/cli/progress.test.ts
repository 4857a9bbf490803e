import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Output } from '../../src/cli/output.ts';
import { ProgressReader } from '../../src/cli/progress.ts';
import { progressLine } from '../../src/cli/progress-line.ts';
import { displayWidth } from '../../src/cli/table.ts';
import { utf8 } from '../../src/core/bytes.ts';
import { Collector } from './streams.ts';

function start(options: { json?: boolean; quiet?: boolean; tty?: boolean; columns?: number; term?: string } = {}) {
  const time = { now: 0 };
  const drawn: string[] = [];
  const stdout = new Collector();
  // The bar and the remarks share the terminal.
  const stderr = new Collector();
  const write = stderr.write.bind(stderr);
  stderr.write = (chunk: unknown) => {
    drawn.push(String(chunk));
    return write(chunk);
  };
  const out = new Output({ json: options.json === true, quiet: options.quiet === true, stdout, stderr });
  const screen = {
    isTTY: options.tty !== false,
    columns: options.columns ?? 80,
    write: (text: string) => drawn.push(text),
  };
  const clock = { now: () => time.now, monotonic: () => time.now };
  const reader = new ProgressReader(out, screen, clock, options.term ?? 'xterm');
  const at = (now: number, bytes: number, current?: string) => {
    time.now = now;
    reader.sink({
      type: 'progress',
      phase: 'snapshot',
      progress: { files: 1, bytes, totalBytes: 1000, ...(current && { current }) },
    });
  };
  return { reader, drawn, stdout, stderr, out, at };
}

describe('progress on a terminal', () => {
  it('is drawn ten times a second at most, on one line, and taken away at the end', () => {
    const { reader, drawn, at } = start();
    for (let now = 0; now <= 1000; now += 1) at(now, now);
    expect(drawn.length).toBe(11);
    for (const text of drawn) expect(text.slice(1, -3)).not.toMatch(/\p{Cc}/u);
    for (const text of drawn) expect([text.at(0), text.slice(-3)]).toEqual(['\r', '\x1b[K']);
    expect(drawn.at(-1)).toContain('100 %');
    reader.end();
    expect(drawn.at(-1)).toBe('\r\x1b[K');
    at(5000, 1);
    reader.end();
    expect(drawn.length).toBe(12);
  });

  it('knows rate and time left', () => {
    const { drawn, at } = start();
    at(0, 0);
    at(1000, 100);
    expect(drawn.at(-1)).toMatch(/100 B\/s\s+0:09 left/);
  });

  it('stands below warnings, whose names cannot drive the terminal', () => {
    const { reader, drawn, at } = start();
    at(0, 0);
    reader.sink({ type: 'warning', message: 'cannot read', path: utf8('a\x1b[2J\nb'), code: 'EACCES' });
    expect(drawn.slice(1)).toEqual(['\r\x1b[K', 'neo: warning: a\\x1b[2J\\x0ab: cannot read\n']);
  });

  it('never leaves its line, at any width and with any name', () => {
    fc.assert(
      fc.property(
        fc.nat(200),
        fc.string({ unit: 'binary' }),
        fc.nat(),
        fc.nat(),
        (columns, current, bytes, totalBytes) => {
          const line = progressLine('restore', { files: 3, bytes, totalBytes, current }, bytes, columns);
          expect(displayWidth(line)).toBeLessThanOrEqual(columns);
          expect(line).not.toMatch(/\p{Cc}/u);
        },
      ),
    );
  });
});

describe('progress elsewhere', () => {
  it.each([
    ['in a pipe', { tty: false }],
    ['with --quiet', { quiet: true }],
    ['on a dumb terminal', { term: 'dumb' }],
  ])('is silent %s, warnings are not', (_what, options) => {
    const { reader, drawn, at } = start(options);
    at(0, 0);
    reader.sink({ type: 'warning', message: 'careful' });
    reader.end();
    expect(drawn).toEqual(['neo: warning: careful\n']);
  });

  it('is objects with --json, four a second at most, bytes that are no text kept', async () => {
    const { reader, stdout, stderr, out, at } = start({ json: true });
    for (let now = 0; now < 1000; now += 10) at(now, now, 'x');
    reader.sink({ type: 'warning', message: 'gone', path: Uint8Array.of(0x61, 0xff), code: 'ENOENT' });
    await out.flush();
    expect(stdout.objects).toHaveLength(5);
    expect(stdout.objects[1]).toEqual({
      v: 1,
      type: 'progress',
      phase: 'snapshot',
      files: 1,
      bytes: 250,
      totalBytes: 1000,
      current: 'x',
    });
    expect(stdout.objects[4]).toEqual({ v: 1, type: 'warning', message: 'gone', code: 'ENOENT', path: { b: 'Yf8' } });
    expect(stderr.text).toBe('neo: warning: a\\xff: gone\n');
  });
});
