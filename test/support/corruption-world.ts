/** A repository with two of every kind of object, so that siblings can be exchanged and older versions put back. */
import { MemoryBackend } from '../../src/backends/memory.ts';
import { toHex } from '../../src/core/bytes.ts';
import type { ObjectName } from '../../src/core/ids.ts';
import { clientId, objectName } from '../../src/core/ids.ts';
import type { Random } from '../../src/core/random.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { issueCertificate } from '../../src/repo/certificate.ts';
import type { ClientState } from '../../src/repo/client-state.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { encodeConfig } from '../../src/repo/config.ts';
import { encodeSlot, type SlotSecret } from '../../src/repo/key-slots.ts';
import type { Repository } from '../../src/repo/repository.ts';
import { listHeads } from '../../src/snapshot/listing.ts';
import { SimClock } from './sim-clock.ts';
import { SimRandom } from './sim-random.ts';
import { checkWorld, initWorld, openWorld, snapshotWorld, type World } from './sim-repository.ts';
import type { Model, SourceState } from './sim-sources.ts';

export interface CorruptionWorld {
  readonly world: World & { readonly backend: MemoryBackend };
  readonly snapshots: readonly { readonly name: ObjectName; readonly model: Model }[];
  /** Of a client that has seen everything; what is written to it is forgotten. */
  readonly seen: ClientState;
  /** My slot as it was before the rotation. */
  readonly olderSlot: { readonly path: string; readonly bytes: Uint8Array };
  readonly mySlot: string;
}

export async function makeCorruptionWorld(engine: Engine, sources: readonly SourceState[]): Promise<CorruptionWorld> {
  const clock = new SimClock();
  const random = new SimRandom(5);
  const world = { engine, clock, random, backend: new MemoryBackend(clock) };
  await initWorld(world);
  const before = await openWorld(world);
  const mySlot = `keys/${before.client}/0`;
  const older = (await world.backend.get(mySlot)) ?? new Uint8Array();
  await rotate(world, before);
  const state = new MemoryState();
  const snapshots: { name: ObjectName; model: Model }[] = [];
  for (const { folder, model } of sources) {
    const { snapshot } = await snapshotWorld(world, state, folder);
    if (snapshot !== undefined) snapshots.push({ name: snapshot, model });
  }
  const { damages } = await checkWorld(world, state, { readData: 'all' });
  if (damages.length > 0) throw new Error(`the world is damaged: ${JSON.stringify(damages)}`);
  const { heads } = await listHeads(await openWorld(world));
  if (heads.length !== sources.length) throw new Error('snapshots are missing');
  const seen: ClientState = { read: (name) => state.read(name), write: async () => undefined };
  return { world, snapshots, seen, olderSlot: { path: mySlot, bytes: older }, mySlot };
}

/** A second epoch: config/1, my slot with its keys, and a slot of somebody else. */
async function rotate({ engine, random, backend }: World & { backend: MemoryBackend }, old: Repository): Promise<void> {
  const epoch0 = old.keys.full?.epochs[0];
  const mine = old.slot;
  if (epoch0 === undefined || mine.keys.role !== 'full') throw new Error('not of role full');
  const pair = { epoch: 1, sealSeed: random.bytes(32), signSeed: random.bytes(32) };
  const config = {
    ...old.config,
    epoch: 1,
    previous: old.configName,
    sealPublic: engine.kemPublicKey(pair.sealSeed),
    signPublic: engine.signPublicKey(pair.signSeed),
  };
  const bytes = encodeConfig(engine, config, epoch0.signSeed);
  const name = objectName(toHex(engine.blake3(bytes)));
  const renewed: SlotSecret = { ...mine, config: name, keys: { ...mine.keys, epochs: [epoch0, pair] } };
  backend.tamper(`keys/${old.client}/0`, slotBytes(engine, random, old, renewed, new Uint8Array(32).fill(7)));
  const client = clientId(toHex(random.bytes(16)));
  const other: SlotSecret = { ...renewed, ...newClient(engine, random, old, client, epoch0.signSeed) };
  backend.tamper(`keys/${client}/0`, slotBytes(engine, random, old, other, random.bytes(32)));
  await backend.put(`config/1-${name}`, bytes);
}

function newClient(
  engine: Engine,
  random: Random,
  { id }: Repository,
  client: SlotSecret['client'],
  issuer: Uint8Array,
): Pick<SlotSecret, 'client' | 'certificate' | 'signSeed' | 'kemSeed'> {
  const signSeed = random.bytes(32);
  const kemSeed = random.bytes(32);
  const certificate = issueCertificate(engine, id, issuer, {
    client,
    role: 'full',
    epoch: 0,
    created: 0,
    expires: 0,
    signPublic: engine.signPublicKey(signSeed),
    kemHash: engine.blake3(engine.kemPublicKey(kemSeed)),
  });
  return { client, certificate: certificate.encoded, signSeed, kemSeed };
}

function slotBytes(
  engine: Engine,
  random: Random,
  { keys }: Repository,
  secret: SlotSecret,
  kek: Uint8Array,
): Uint8Array {
  const kemPublic = engine.kemPublicKey(secret.kemSeed);
  return encodeSlot(engine, random, {
    listing: {
      client: secret.client,
      label: 'key',
      role: 'full',
      method: 'key',
      created: 0,
      expires: 0,
      certificate: secret.certificate,
      kemPublic,
    },
    secret,
    indexKey: keys.index,
    kek,
    kdf: undefined,
  });
}
