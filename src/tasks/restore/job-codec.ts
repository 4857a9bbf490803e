/**
 * A write job as two flat arrays, numbers and bytes: to clone its objects one by one between threads takes longer than
 * to write the files. Only between threads of one process, so nothing is checked.
 */
import { ByteWriter } from '../../core/bytes.ts';
import type { Attribute, EntryMetadata } from '../../fs/apply.ts';
import type { BlobWork, Use, WorkFile, WriteJob } from './jobs.ts';

export interface EncodedWrite {
  readonly type: 'encoded-write';
  /** Of the pack: as in the job. */
  readonly bytes: Uint8Array;
  readonly numbers: Float64Array<ArrayBuffer>;
  readonly text: Uint8Array<ArrayBuffer>;
}

const OPEN = 0;
const WHOLE = 1;
const NONE = -1;
const SECOND = 1_000_000_000n;

class Encoder {
  readonly #numbers: number[] = [];
  readonly #text = new ByteWriter(1 << 14);

  number(value: number): void {
    this.#numbers.push(value);
  }

  bytes(value: Uint8Array): void {
    this.#numbers.push(value.length);
    this.#text.bytes(value);
  }

  /** Whole seconds and the rest: a time in nanoseconds is more than a number holds. */
  time(value: bigint | undefined): void {
    const seconds = (value ?? 0n) / SECOND;
    this.#numbers.push(value === undefined ? NONE : 0, Number(seconds), Number((value ?? 0n) - seconds * SECOND));
  }

  finish(bytes: Uint8Array): EncodedWrite {
    const text = Uint8Array.from(this.#text.finish());
    return { type: 'encoded-write', bytes, numbers: Float64Array.from(this.#numbers), text };
  }
}

export function encodeWrite({ bytes, blobs, files }: WriteJob): EncodedWrite {
  const out = new Encoder();
  out.number(blobs.length);
  for (const blob of blobs) encodeBlob(out, blob);
  out.number(files.length);
  for (const file of files) encodeFile(out, file);
  return out.finish(bytes);
}

function encodeBlob(out: Encoder, { at, length, key, plainLength, uses }: BlobWork): void {
  out.number(at);
  out.number(length);
  out.bytes(key);
  out.number(plainLength);
  out.number(uses.length);
  for (const { file, segments } of uses) {
    out.number(file);
    out.number(segments.length);
    for (const part of segments) out.number(part);
  }
}

function encodeFile(out: Encoder, file: WorkFile): void {
  if (file.type === 'open') {
    out.number(OPEN);
    out.number(file.fd);
    out.bytes(file.path);
    return;
  }
  out.number(WHOLE);
  out.number(file.directory);
  out.bytes(file.name);
  out.number(file.size);
  out.number(file.overwrite ? 1 : 0);
  encodeMetadata(out, file.metadata);
}

function encodeMetadata(out: Encoder, { mode, uid, gid, mtime, atime, attributes }: EntryMetadata): void {
  out.number(mode);
  out.number(uid);
  out.number(gid);
  out.time(mtime);
  out.time(atime);
  out.number(attributes?.length ?? NONE);
  for (const { name, value } of attributes ?? []) {
    out.bytes(name);
    out.bytes(value);
  }
}

class Decoder {
  readonly #numbers: Float64Array;
  readonly #text: Uint8Array;
  #at = 0;
  #textAt = 0;

  constructor({ numbers, text }: EncodedWrite) {
    this.#numbers = numbers;
    this.#text = text;
  }

  number(): number {
    return this.#numbers[this.#at++] ?? NONE;
  }

  bytes(): Uint8Array {
    const from = this.#textAt;
    this.#textAt += this.number();
    return this.#text.subarray(from, this.#textAt);
  }

  time(): bigint | undefined {
    const [kind, seconds, rest] = [this.number(), this.number(), this.number()];
    return kind === NONE ? undefined : BigInt(seconds) * SECOND + BigInt(rest);
  }

  list<T>(count: number, next: () => T): T[] {
    const items: T[] = [];
    for (let i = 0; i < count; i++) items.push(next());
    return items;
  }
}

export function decodeWrite(encoded: EncodedWrite): WriteJob {
  const from = new Decoder(encoded);
  const blobs = from.list(from.number(), () => decodeBlob(from));
  const files = from.list(from.number(), () => decodeFile(from));
  return { type: 'write', bytes: encoded.bytes, blobs, files };
}

function decodeBlob(from: Decoder): BlobWork {
  const [at, length, key, plainLength] = [from.number(), from.number(), from.bytes(), from.number()];
  const uses = from.list(from.number(), (): Use => {
    const file = from.number();
    return { file, segments: from.list(from.number(), () => from.number()) };
  });
  return { at, length, key, plainLength, uses };
}

function decodeFile(from: Decoder): WorkFile {
  if (from.number() === OPEN) return { type: 'open', fd: from.number(), path: from.bytes() };
  const [directory, name, size, overwrite] = [from.number(), from.bytes(), from.number(), from.number() === 1];
  return { type: 'whole', directory, name, size, overwrite, metadata: decodeMetadata(from) };
}

function decodeMetadata(from: Decoder): EntryMetadata {
  const [mode, uid, gid, mtime, atime] = [from.number(), from.number(), from.number(), from.time(), from.time()];
  const count = from.number();
  return {
    mode,
    uid,
    gid,
    mtime: mtime ?? 0n,
    ...(atime === undefined ? {} : { atime }),
    ...(count === NONE ? {} : { attributes: decodeAttributes(from, count) }),
  };
}

function decodeAttributes(from: Decoder, count: number): readonly Attribute[] {
  return from.list(count, () => ({ name: from.bytes(), value: from.bytes() }));
}
