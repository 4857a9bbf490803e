/** A server that errs, lies or falls silent is survived or reported, and never believed. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Backend } from '../../src/backends/backend.ts';
import { REPLY, REQUEST, STATUS } from '../../src/backends/sftp/packets.ts';
import { openSftp } from '../../src/backends/sftp.ts';
import { temporary } from '../house/run.ts';
import { listed, pattern } from '../support/backend-suite.ts';
import { number, type Strangeness, sftpServerIsThere, sized, strangePipe } from '../support/strange-sftp.ts';

const MIB = 1 << 20;

describe.skipIf(!sftpServerIsThere())('an SFTP server', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await temporary('strange');
    await mkdir(join(folder, 'packs/00'), { recursive: true });
    await writeFile(join(folder, 'packs/00/a'), pattern(MIB));
  });

  const at = (strangeness: Strangeness, silence?: number): Promise<Backend> =>
    openSftp({ host: 'nowhere' }, folder, { pipe: strangePipe(strangeness, silence) });
  const unreachable = { code: 'unreachable' };

  it('that gives less than it was asked for is asked for the rest', async () => {
    const backend = await at((answer) => {
      if (answer.type !== REPLY.data) return [answer];
      const data = answer.body.subarray(4, 4 + Math.max(1, Math.floor((answer.body.length - 4) / 3)));
      return [{ ...answer, body: sized(data) }];
    });
    expect(await backend.get('packs/00/a')).toEqual(pattern(MIB));
    const range = { offset: 1000, length: 700_000 };
    expect(await backend.getRange('packs/00/a', range)).toEqual(pattern(MIB).subarray(1000, 701_000));
  });

  it('that gives more than it was asked for is not believed', async () => {
    const backend = await at((answer) =>
      answer.type === REPLY.data ? [{ ...answer, body: sized(Buffer.alloc(answer.body.length + 100)) }] : [answer],
    );
    const range = { offset: 0, length: 1000 };
    await expect(backend.getRange('packs/00/a', range)).rejects.toMatchObject({ code: 'integrity' });
  });

  it('that ends a file early is told as a file that is short', async () => {
    const backend = await at((answer) => {
      const eof = Buffer.concat([number(STATUS.eof), sized(Buffer.alloc(0)), sized(Buffer.alloc(0))]);
      return answer.type === REPLY.data ? [{ ...answer, type: REPLY.status, body: eof }] : [answer];
    });
    const range = { offset: 0, length: 1000 };
    await expect(backend.getRange('packs/00/a', range)).rejects.toMatchObject({ code: 'integrity' });
    expect(await backend.get('packs/00/a')).toHaveLength(0);
  });

  it('that goes away in the middle is unreachable, and has stored nothing under its name', async () => {
    let writes = 0;
    const backend = await at((answer, { type }) => {
      if (type === REQUEST.write) writes += 1;
      return writes > 3 ? undefined : [answer];
    });
    await expect(backend.put('packs/00/b', pattern(4 * MIB))).rejects.toMatchObject(unreachable);
    expect(await readdir(join(folder, 'packs/00'))).toEqual(['a']);
  });

  it('that falls silent is taken for dead', async () => {
    const backend = await at((answer, { type }) => (type === REQUEST.read ? [] : [answer]), 300);
    await expect(backend.get('packs/00/a')).rejects.toMatchObject(unreachable);
  });

  it.each([
    ['answers what nobody asked', [{ type: REPLY.status, id: 77_777, body: number(STATUS.ok) }]],
    ['is none', [Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')]],
    ['answers with another kind of packet', undefined],
  ])('that %s is left', async (_, instead) => {
    const backend = await at((answer, { type }) => {
      if (type !== REQUEST.lstat) return [answer];
      return instead ?? [{ ...answer, type: REPLY.handle, body: sized(Buffer.from('x')) }];
    });
    await expect(backend.stat('packs/00/a')).rejects.toMatchObject(unreachable);
  });

  it('that cannot write says why, and nothing has the name', async () => {
    const failure = Buffer.concat([number(STATUS.failure), sized(Buffer.from('Failure')), sized(Buffer.alloc(0))]);
    const backend = await at((answer, { type, body }) => {
      if (type === REQUEST.write) return [{ ...answer, type: REPLY.status, body: failure }];
      // What is left of it, in the order of statvfs: nothing.
      const isAsked = type === REQUEST.extended && body.includes('statvfs');
      return isAsked ? [{ ...answer, type: REPLY.extended, body: Buffer.alloc(88) }] : [answer];
    });
    await expect(backend.put('packs/00/b', pattern(10))).rejects.toMatchObject({ code: 'no-space' });
    expect((await listed(backend)).map(({ path }) => path)).toEqual(['packs/00/a']);
    await backend.close();
    expect(await readdir(join(folder, 'tmp'))).toEqual([]);
  });

  const folders = (...names: readonly string[]): Buffer => {
    const entry = (name: string): Buffer =>
      Buffer.concat([sized(Buffer.from(name)), sized(Buffer.from(name)), number(4), number(0o040755)]);
    return Buffer.concat([number(names.length), ...names.map(entry)]);
  };

  it('that names what lies elsewhere is not followed', async () => {
    const body = folders('../..', '/etc', 'a/b', '..', '.', 'UP');
    const backend = await at((answer) => [answer.type === REPLY.name ? { ...answer, body } : answer]);
    expect(await listed(backend)).toEqual([]);
  });

  it('in which every folder holds another one does not lead on for ever', async () => {
    const deep = join(folder, ...new Array<string>(20).fill('a'));
    await mkdir(deep, { recursive: true });
    const backend = await at((answer) => [answer]);
    await expect(listed(backend)).rejects.toMatchObject({ code: 'failed' });
  });

  it('that names nothing, and goes on, is at an end', async () => {
    const backend = await at((answer, { type }) => [
      type === REQUEST.readdir ? { ...answer, type: REPLY.name, body: folders() } : answer,
    ]);
    expect(await listed(backend)).toEqual([]);
  });
});
