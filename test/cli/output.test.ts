import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Output, OutputClosed } from '../../src/cli/output.ts';
import { Collector } from './streams.ts';

function outputs(options: { json?: boolean; quiet?: boolean } = {}) {
  const stdout = new Collector();
  const stderr = new Collector();
  const out = new Output({ json: options.json === true, quiet: options.quiet === true, stdout, stderr });
  return { out, stdout, stderr };
}

/** Fails every write with this system code. */
function broken(code: string): Writable {
  const stream = new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error(`write ${code}`), { code })),
  });
  stream.on('error', () => undefined);
  return stream;
}

describe('output for people', () => {
  it('prints lines and tables, and no objects', async () => {
    const { out, stdout } = outputs();
    await out.line('one');
    await out.object('summary', { files: 1 });
    await out.table(
      ['ID', { numbers: 'Size' }],
      [
        ['ab', '5'],
        ['abcd', '1,234'],
      ],
    );
    await out.flush();
    expect(stdout.text).toBe('one\nID     Size\nab        5\nabcd  1,234\n');
  });

  it('keeps remarks on standard error, and silent with --quiet', () => {
    const loud = outputs();
    loud.out.note('hello');
    loud.out.warn('careful');
    expect([loud.stderr.text, loud.stdout.text]).toEqual(['neo: hello\nneo: warning: careful\n', '']);
    const quiet = outputs({ quiet: true });
    quiet.out.note('hello');
    quiet.out.warn('careful');
    expect(quiet.stderr.text).toBe('neo: warning: careful\n');
  });

  it('lets no name in a cell or a warning drive the terminal', async () => {
    const { out, stdout, stderr } = outputs();
    const hostile = '\x1b]0;owned\x07a\nb\x9b31m\u202ecod';
    await out.table(['Name'], [[hostile]]);
    out.warn(hostile);
    await out.flush();
    for (const text of [stdout.text, stderr.text]) expect(text.replaceAll('\n', '')).not.toMatch(/\p{Cc}|\u202e/u);
    expect(stdout.text.trimEnd().split('\n')).toHaveLength(2);
    expect(stderr.text.trimEnd().split('\n')).toHaveLength(1);
  });
});

describe('output with --json', () => {
  it('prints one object a line, and no lines for people', async () => {
    const { out, stdout } = outputs({ json: true });
    await out.line('one');
    await out.table(['A'], [['b']]);
    await out.object('node', { name: 'a\nb' });
    await out.record('node', { name: 'c' }, 'c');
    await out.flush();
    expect(stdout.objects).toEqual([
      { v: 1, type: 'node', name: 'a\nb' },
      { v: 1, type: 'node', name: 'c' },
    ]);
    expect(stdout.text.split('\n')).toHaveLength(3);
  });
});

describe('writing', () => {
  it('appears without a flush', async () => {
    const { out, stdout } = outputs();
    await out.line('soon');
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(stdout.text).toBe('soon\n');
  });

  it('holds 300,000 lines back for a slow reader: little is ever in memory', async () => {
    let written = 0;
    let most = 0;
    const slow = new Writable({
      highWaterMark: 1,
      write: (chunk: Buffer, _encoding, done) => {
        most = Math.max(most, chunk.length);
        written += chunk.length;
        setImmediate(done);
      },
    });
    const out = new Output({ json: false, quiet: false, stdout: slow });
    let handed = 0;
    let ahead = 0;
    for (let i = 0; i < 300_000; i += 1) {
      await out.line('x'.repeat(40));
      handed += 41;
      ahead = Math.max(ahead, handed - written);
    }
    await out.flush();
    expect(written).toBe(handed);
    expect(ahead).toBeLessThan(300_000);
    expect(most).toBeLessThan(140_000);
  });

  it('says when the reader has gone, at once and at every later call', async () => {
    const out = new Output({ json: false, quiet: false, stdout: broken('EPIPE') });
    await out.line('a');
    await expect(out.flush()).rejects.toBeInstanceOf(OutputClosed);
    await expect(out.line('b')).rejects.toBeInstanceOf(OutputClosed);
  });

  it('reports any other failure as it is', async () => {
    const out = new Output({ json: false, quiet: false, stdout: broken('ENOSPC') });
    await expect(out.bytes(new Uint8Array(3))).rejects.toThrow('ENOSPC');
  });
});
