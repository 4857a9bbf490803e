/** Whoever takes an answer slowly, and ends his request later than its head: all of it comes, and the server lives. */
import { once } from 'node:events';
import { setTimeout as later } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { startOwnServer } from '../support/own-server.ts';
import { answerOf, RawClient } from '../support/raw-client.ts';

const SIZE = 200_000;

// Node 24.21 filled the memory with empty frames, and ended with std::bad_alloc.
it.each([
  ['with the head', 0],
  ['before the rest is taken', 100],
  ['after all else', 300],
])('a request that ends %s', async (_when, wait) => {
  const server = await startOwnServer();
  const by = new RawClient(server.port, { token: server.token('prune') });
  const body = new Uint8Array(SIZE).fill(7);
  expect((await by.ask('put', { target: 'files', path: 'packs/00/a', body })).status).toBe(204);
  const stream = by.start('get', { target: 'files', path: 'packs/00/a' });
  if (wait === 0) stream.end();
  const answer = answerOf(stream);
  stream.pause();
  await once(stream, 'response');
  await later(wait);
  stream.resume();
  await later(wait);
  stream.end();
  expect((await answer).body.length).toBe(SIZE);
  expect((await by.ask('hello')).status).toBe(200);
  by.close();
  await server.stop();
  expect([server.faults, process.memoryUsage().rss < 2 ** 30]).toEqual([[], true]);
});
