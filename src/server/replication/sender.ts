/** Sends one replica what it lacks: what is in the queue, and at times what is found by comparing all. Goes on until it is closed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseNeoHost } from '../../backends/neo-location.ts';
import { ReplicaClient } from '../../backends/neo-replica.ts';
import { fromBase64 } from '../../core/bytes.ts';
import type { Clock } from '../../core/clock.ts';
import { isNeoError, messageOf } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';
import { z } from '../../core/schema.ts';
import { makeDeviceCertificate } from '../../engine/device-certificate.ts';
import type { Engine } from '../../engine/engine.ts';
import type { ReplicaState, ReplicaStatus } from '../../protocol/replication.ts';
import { shownFingerprint } from '../../protocol/server-keys.ts';
import { type Witness, witnessSchema } from '../../protocol/witness.ts';
import { Bell } from '../bell.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { compareAll } from './comparing.ts';
import { Delivery, type DeliveryFacts } from './delivery.ts';
import type { Trees } from './trees.ts';
import { haveHeadSigned } from './witnesses.ts';

export interface SenderFacts extends DeliveryFacts {
  readonly trees: Trees;
  readonly ledger: Ledger;
  readonly engine: Engine;
  readonly random: Random;
  readonly clock: Clock;
  readonly onFault: (error: unknown) => void;
}

export interface ReplicaRow {
  readonly id: string;
  readonly name: string;
  readonly location: string;
  readonly keys: string;
  readonly site: string;
  readonly device_key: string;
  readonly created: number;
  readonly compared: number | null;
  readonly witness: string | null;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5_000;
/** All is compared so often, whatever happened. */
const DAY_MS = 24 * 3_600_000;
const keysSchema = z.array(shownFingerprint).check(z.minLength(1));

export class Sender {
  readonly #facts: SenderFacts;
  readonly #row: ReplicaRow;
  readonly #client: ReplicaClient;
  readonly #delivery: Delivery;
  readonly #ending = new AbortController();
  readonly #bell = new Bell();
  #isRung = false;
  #running: Promise<void> = Promise.resolve();
  #state: ReplicaState = 'waiting';
  #error: string | null = null;
  #problems: readonly string[] = [];
  #compared: number | null;
  #witness: Witness | undefined;
  #sent = { objects: 0, bytes: 0 };

  constructor(facts: SenderFacts, row: ReplicaRow) {
    this.#facts = facts;
    this.#row = row;
    this.#compared = row.compared;
    const witness = row.witness === null ? undefined : witnessSchema.safeParse(JSON.parse(row.witness));
    this.#witness = witness?.data;
    this.#client = clientOf(facts, row);
    this.#delivery = new Delivery(facts, row, this.#client, ({ objects, bytes }) => {
      this.#sent = { objects: this.#sent.objects + objects, bytes: this.#sent.bytes + bytes };
    });
  }

  get id(): string {
    return this.#row.id;
  }

  get name(): string {
    return this.#row.name;
  }

  get witness(): Witness | undefined {
    return this.#witness;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** There is something to be sent. */
  ring(): void {
    this.#isRung = true;
    this.#bell.ring();
  }

  /** Something may be missing in the queue. */
  compareSoon(): void {
    this.#compared = null;
    this.ring();
  }

  async status(): Promise<ReplicaStatus> {
    const { name, location, site, created } = this.#row;
    const { queued, since, error } = await this.#facts.queue.backlog(this.#row.id);
    const wrong = this.#error ?? error ?? this.#problems[0] ?? null;
    return {
      ...{ name, location, site, created, queued, since, error: wrong, compared: this.#compared },
      state: this.#state === 'waiting' && wrong !== null ? 'refused' : this.#state,
      ...{ sentObjects: this.#sent.objects, sentBytes: this.#sent.bytes, witnessed: this.#witness?.size ?? null },
    };
  }

  /** Waits for what is being sent to be cut off. */
  async close(): Promise<void> {
    this.#ending.abort();
    await this.#client.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    let pause = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      try {
        await this.#work();
        if (this.#error !== null) this.#facts.log('replica-reached', { replica: this.#row.name });
        this.#error = null;
        pause = FIRST_PAUSE_MS;
        this.#state = 'waiting';
        await this.#wait(await this.#untilNext());
      } catch (error) {
        if (signal.aborted) return;
        this.#failed(error);
        // Whatever comes meanwhile: it is tried no more often for that.
        await this.#rest(pause);
        pause = Math.min(LONGEST_PAUSE_MS, pause * 2);
      }
    }
  }

  /** Until nothing is due any more. */
  async #work(): Promise<void> {
    if (this.#isToCompare()) await this.#compare();
    const { signal } = this.#ending;
    for (;;) {
      this.#isRung = false;
      while (!signal.aborted && (await this.#delivery.some())) this.#state = 'sending';
      if (signal.aborted || !this.#isRung) break;
    }
    if (!signal.aborted) await this.#witnessed();
  }

  #isToCompare(): boolean {
    // A clock that was set may be hours off.
    return this.#compared === null || Math.abs(this.#facts.clock.now() - this.#compared) >= DAY_MS;
  }

  async #compare(): Promise<void> {
    const { db, clock, log } = this.#facts;
    this.#state = 'comparing';
    const began = Math.round(clock.now());
    this.#compared = began;
    try {
      const { missing, problems } = await compareAll(this.#facts, this.#row, this.#client, this.#delivery);
      this.#problems = problems;
      log('replica-compared', { replica: this.#row.name, missing, problems: problems.length, problem: problems[0] });
    } catch (error) {
      this.#compared = null;
      throw error;
    }
    // Asked for anew meanwhile: that one is still to be done.
    if (this.#compared === began) {
      await db.updateTable('replicas').where('id', '=', this.#row.id).set({ compared: began }).execute();
    }
  }

  async #witnessed(): Promise<void> {
    const { db, log } = this.#facts;
    try {
      const witness = await haveHeadSigned(this.#facts, this.#client, this.#witness);
      if (witness === undefined) return;
      this.#witness = witness;
      await db
        .updateTable('replicas')
        .where('id', '=', this.#row.id)
        .set({ witness: JSON.stringify(witness) })
        .execute();
    } catch (error) {
      if (!isNeoError(error) || error.code === 'unreachable') throw error;
      if (!this.#problems.includes(error.message)) {
        log('replica-refused', { replica: this.#row.name, path: 'the head of the ledger', error: error.message });
      }
      this.#problems = [error.message];
    }
  }

  #failed(error: unknown): void {
    const message = messageOf(error).slice(0, 500);
    if (!isNeoError(error)) this.#facts.onFault(error);
    if (this.#error === null) this.#facts.log('replica-unreachable', { replica: this.#row.name, error: message });
    this.#error = message;
    this.#state = isNeoError(error, 'unreachable') ? 'unreachable' : 'refused';
  }

  async #untilNext(): Promise<number> {
    const due = await this.#facts.queue.nextDue(this.#row.id);
    return due === undefined ? DAY_MS : Math.min(DAY_MS, Math.max(50, due - this.#facts.clock.now()));
  }

  async #rest(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.#ending.signal }).catch(() => undefined);
  }

  async #wait(milliseconds: number): Promise<void> {
    if (this.#isRung) return;
    await this.#bell.wait(milliseconds, this.#ending.signal);
  }
}

function clientOf({ db, clock }: SenderFacts, { id, location, keys, device_key: key }: ReplicaRow): ReplicaClient {
  const [fingerprint = new Uint8Array(), ...others] = keysSchema.parse(JSON.parse(keys)).map(fingerprintOf);
  return new ReplicaClient(parseNeoHost(location), {
    ...{ pings: true, fingerprint, others, device: { key, cert: makeDeviceCertificate(key, clock.now()) } },
    async onKeys(told) {
      if (told.length === 0) return;
      await db
        .updateTable('replicas')
        .where('id', '=', id)
        .set({ keys: JSON.stringify(told) })
        .execute();
    },
  });
}

/** As people see it: `SHA256:` and base64. */
export function fingerprintOf(shown: string): Uint8Array {
  return fromBase64(shown.slice('SHA256:'.length).replaceAll('+', '-').replaceAll('/', '_'));
}
