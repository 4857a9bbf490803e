/** The client of an S3 store: credentials from the usual places, one connection pool, the store's clock. */
import { readFile } from 'node:fs/promises';
import { Agent as HttpsAgent } from 'node:https';
import { type PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { HttpRequest } from '@smithy/core/protocols';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { NeoError } from '../../core/errors.ts';
import type { S3Place } from '../s3-location.ts';

/**
 * Not by `import`: a module of Node that is imported has all of its exports read, and one of http's is the WebSocket of undici, which
 * takes 50 ms to load (docs/decisions/0004-start-up.md).
 */
const { Agent: HttpAgent } = process.getBuiltinModule('node:http');

/** Requests under way at a time; more wait. */
const CONNECTIONS = 64;
const CONNECT_MS = 10_000;
/** Without a byte in either direction. */
const SILENCE_MS = 60_000;

/** What the surroundings say, beside credentials, which the client looks for by itself. */
export interface S3Surroundings {
  /** Where the location names none. */
  readonly region?: string;
  /** A file of certificates of authorities that servers are trusted by. */
  readonly authorities?: string;
}

/** @throws NeoError usage when the authorities named by the surroundings cannot be read */
export async function makeClient(place: S3Place, surroundings: S3Surroundings = {}): Promise<S3Client> {
  const agent = { keepAlive: true, maxSockets: CONNECTIONS };
  const ca = await certificates(surroundings.authorities);
  return new S3Client({
    ...(place.endpoint === undefined ? {} : { endpoint: place.endpoint }),
    ...regionOf(place, surroundings),
    forcePathStyle: place.style === 'path',
    followRegionRedirects: true,
    // The second attempt is for a wrong clock, which the first answer puts right; more are the business of RetryBackend.
    maxAttempts: 2,
    // The signature covers the bytes of a put; other checksums are unknown to many servers.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // Nothing of it goes to the terminal.
    logger: { debug: say, info: say, warn: say, error: say },
    requestHandler: new NodeHttpHandler({
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent({ ...agent, ...(ca === undefined ? {} : { ca }) }),
      connectionTimeout: CONNECT_MS,
      socketTimeout: SILENCE_MS,
    }),
  });
}

const say = (): void => undefined;

/** None: the client looks for it in ~/.aws/config. */
function regionOf(place: S3Place, surroundings: S3Surroundings): { region?: string } {
  const region = place.region ?? surroundings.region;
  if (region !== undefined) return { region };
  // To a server of one's own it does not matter, but something must be signed.
  return place.endpoint === undefined ? {} : { region: 'us-east-1' };
}

async function certificates(path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  return readFile(path).catch((cause: unknown) => {
    throw new NeoError('usage', `cannot read the certificates of ${path}`, { cause });
  });
}

/** Of a body that is sent bit by bit: the signature covers what it should be. "Signature Version 4", Amazon S3 API Reference. */
export function signBody(stack: PutStack, sha256: string): void {
  stack.add(
    (next) => async (args) => {
      if (HttpRequest.isInstance(args.request)) args.request.headers['x-amz-content-sha256'] = sha256;
      return next(args);
    },
    { step: 'build' },
  );
}

type PutStack = PutObjectCommand['middlewareStack'];
