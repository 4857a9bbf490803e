/** How threads end: never in the midst of a job. */
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { EndMark, endThread } from '../../src/core/threads.ts';

/** Each job says that it has begun, waits until it may go on, and counts. */
const code = `
  const { parentPort, workerData } = require('node:worker_threads');
  const words = new Int32Array(workerData.words);
  import(workerData.module).then(({ EndMark, serveJobs }) => {
    const end = new EndMark(workerData.end);
    serveJobs(parentPort, () => end.isSet, () => {
      parentPort.postMessage('begun');
      Atomics.wait(words, 0, 0);
      Atomics.add(words, 1, 1);
    });
  });`;

function startThread(end: EndMark) {
  const words = new Int32Array(new SharedArrayBuffer(8));
  const module = new URL('../../src/core/threads.ts', import.meta.url).href;
  const worker = new Worker(code, { eval: true, workerData: { words: words.buffer, end: end.memory, module } });
  const letGo = (): void => {
    Atomics.store(words, 0, 1);
    Atomics.notify(words, 0);
  };
  return { worker, letGo, done: () => Atomics.load(words, 1) };
}

describe('a thread that is told to end', () => {
  it('finishes the job in hand, passes over those that wait, and goes by itself', async () => {
    const end = new EndMark();
    const { worker, letGo, done } = startThread(end);
    const exit = once(worker, 'exit');
    for (let job = 0; job < 3; job++) worker.postMessage('job');
    await once(worker, 'message');
    end.set();
    const ended = endThread(worker);
    letGo();
    await ended;
    expect(done()).toBe(1);
    // A thread that was terminated exits with 1.
    expect(await exit).toEqual([0]);
  });

  it('does all that it was handed when nobody said that it is over', async () => {
    const { worker, letGo, done } = startThread(new EndMark());
    for (let job = 0; job < 3; job++) worker.postMessage('job');
    letGo();
    await endThread(worker);
    expect(done()).toBe(3);
  });

  it('may be told before it has started, and after it has gone', async () => {
    const { worker } = startThread(new EndMark());
    await endThread(worker);
    await endThread(worker);
    expect(worker.threadId).toBe(-1);
  });
});

it('no thread of the program is terminated: native modules would end the whole process', () => {
  const source = join(import.meta.dirname, '../../src');
  const files = fs.readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const guilty = files.filter((name) =>
    /\.terminate\(/.test(fs.readFileSync(join(source, name), 'utf8').replace(/`Worker\.terminate\(\)`/g, '')),
  );
  expect(files.length).toBeGreaterThan(100);
  expect(guilty).toEqual([]);
});
