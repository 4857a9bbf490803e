import { beforeAll, describe, expect, it } from 'vitest';
import { type JsonObject, User } from './user.ts';

const user = await User.make();

beforeAll(async () => {
  await user.openWithKeyFile();
  await user.sh('mkdir work; echo one > work/a; head -c 300000 /dev/urandom > work/b');
  await user.neo(['snapshot', 'work']);
});

async function object(path: string): Promise<JsonObject> {
  const { code, stdout, stderr } = await user.neo(['cat', '--object', path]);
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as JsonObject;
}

describe('neo list', () => {
  it('lists packs, segments and blobs, which agree', async () => {
    const packs = (await user.neo(['list', 'packs', '--json'])).of('pack');
    const blobs = (await user.neo(['list', 'blobs', '--json'])).of('blob');
    const [segment] = (await user.neo(['list', 'index', '--json'])).of('segment');
    expect(packs.length).toBeGreaterThan(1);
    expect(packs.every(({ role, marked }) => role === 'full' && marked === false)).toBe(true);
    expect(segment).toMatchObject({ packs: packs.length, blobs: blobs.length, final: true });
    for (const { name, blobs: count } of packs) {
      const own = blobs.filter(({ pack }) => pack === name).map(({ id }) => id);
      expect(own).toHaveLength(Number(count));
      const { size, asNamed, blobs: inside } = await object(`packs/${String(name).slice(0, 9)}`);
      expect([size, asNamed]).toEqual([packs.find((pack) => pack['name'] === name)?.['size'], true]);
      expect((inside as JsonObject[]).map(({ id }) => id).sort()).toEqual(own.sort());
    }
  });

  it('says which pack is missing, and which is marked', async () => {
    const [pack] = (await user.neo(['list', 'packs', '--json'])).of('pack');
    const name = String(pack?.['name']);
    await user.sh(`mv ${user.repository}/packs/${name.slice(0, 2)}/${name} kept`);
    expect((await user.neo(['list', 'packs'])).stdout).toContain('MISSING');
    await user.sh(`mv kept ${user.repository}/packs/${name.slice(0, 2)}/${name}`);
    expect((await user.neo(['list', 'packs'])).stdout).not.toContain('MISSING');
  });
});

describe('neo cat --object', () => {
  it('decodes what lies in each folder', async () => {
    expect(await object('config/0')).toMatchObject({ asNamed: true, clear: { epoch: 0, version: 1 } });
    const [snapshot] = (await user.neo(['snapshots', '--json'])).of('snapshot');
    const shown = await object(`snapshots/${String(snapshot?.['id']).slice(0, 8)}`);
    expect(shown).toMatchObject({ kind: 'snapshot', body: { kind: 'snapshot', paths: [user.at('work')] } });
    expect(await object('index/')).toMatchObject({ kind: 'index', signer: { role: 'full' } });
    await user.neo(['forget', 'latest']);
    expect(await object('removals/')).toMatchObject({
      kind: 'removal',
      body: { snapshots: [{ name: snapshot?.['id'] }] },
    });
    await user.neo(['undo']);
    const [key] = (await user.neo(['key', 'list', '--json'])).of('key');
    expect(await object(`keys/${String(key?.['id'])}`)).toMatchObject({ clear: { v: 1 } });
  });

  it('refuses what is none, is not one alone, or is damaged', async () => {
    expect((await user.neo(['cat', '--object', '../etc'])).code).toBe(2);
    expect((await user.neo(['cat', '--object', 'packs/'])).code).toBe(2);
    expect((await user.neo(['cat', '--object', 'packs/00000000'])).code).toBe(1);
    await user.sh(`f=$(ls ${user.repository}/index/*); chmod u+w $f; printf X | dd of=$f bs=1 seek=100 conv=notrunc`);
    expect((await user.neo(['cat', '--object', 'index/'])).code).toBe(15);
  });
});
