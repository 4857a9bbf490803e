import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { endThread } from '../../src/core/threads.ts';
import { Credits } from '../../src/tasks/backup/credits.ts';

/** Takes for ever, and tells how often it could and what ended it. */
const code = `
  const { parentPort, workerData } = require('node:worker_threads');
  Promise.all([import(workerData.credits), import(workerData.threads)]).then(([{ Credits }, { serveJobs }]) => {
    const credits = new Credits(workerData.memory);
    serveJobs(parentPort, () => credits.ended, () => {
      for (let taken = 0; ; ) {
        try {
          credits.take(1 << 20);
          parentPort.postMessage({ taken: ++taken });
        } catch (error) {
          return parentPort.postMessage({ taken, code: error.code });
        }
      }
    });
  });`;

it('a thread that waits for room learns that the run is over, and ends', async () => {
  const credits = Credits.limited(2 << 20);
  const here = (name: string): string => new URL(`../../src/${name}.ts`, import.meta.url).href;
  const modules = { credits: here('tasks/backup/credits'), threads: here('core/threads') };
  const worker = new Worker(code, { eval: true, workerData: { ...modules, memory: credits.memory } });
  worker.postMessage('job');
  for (const taken of [1, 2]) expect(await once(worker, 'message')).toEqual([{ taken }]);
  credits.give(1 << 20);
  expect(await once(worker, 'message')).toEqual([{ taken: 3 }]);
  const last = once(worker, 'message');
  credits.end();
  expect(await last).toEqual([{ taken: 3, code: 'interrupted' }]);
  await endThread(worker);
});
