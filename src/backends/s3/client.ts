/**
 * Requests to one bucket, signed with the credentials that Amazon's tools would use. A wrong clock of this machine and a wrong
 * region are put right by the first answer that tells of them; all other refusals are thrown.
 *
 * Amazon's own packages sign and look for credentials. Their whole client did the rest until it was measured: docs/decisions/0026.
 */
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { SignatureV4 } from '@smithy/signature-v4';
import { NeoError } from '../../core/errors.ts';
import { Sha256 } from '../../engine/sha256.ts';
import type { S3Place } from '../s3-location.ts';
import { addressOf, encodeName } from './address.ts';
import { Exchanges } from './exchange.ts';
import { type Refusal, refusalOf } from './refusal.ts';

/** What the surroundings say, beside credentials, which are looked for where Amazon's tools look. */
export interface S3Surroundings {
  /** Where the location names none. */
  readonly region?: string;
  /** A file of certificates of authorities that servers are trusted by. */
  readonly authorities?: string;
}

export interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE';
  /** Of an object; without it the bucket is meant. */
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Payload;
}

export interface Payload {
  readonly length: number;
  /** In hex: the signature covers it, and the store compares it with what has arrived. */
  readonly sha256: string;
  /** From the beginning, each time that it is asked for. */
  readonly open: () => Uint8Array | Readable;
}

/** What answers have put right. */
interface Corrected {
  readonly region: string;
  /** Milliseconds that the store's clock is ahead of ours. */
  readonly ahead: number;
}

const NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
/** The wrong region and the wrong clock, each once. */
const CORRECTIONS = 2;
/** Stores refuse from a quarter of an hour on. */
const WRONG_CLOCK_MS = 5 * 60_000;
const REGION = /^[a-z0-9-]{1,63}$/;

export class S3Client {
  readonly #place: S3Place;
  readonly #exchanges: Exchanges;
  readonly #signer: SignatureV4;
  #region: string;
  #ahead = 0;

  /** @throws NeoError usage when the authorities named by the surroundings cannot be read */
  static async make(place: S3Place, surroundings: S3Surroundings = {}): Promise<S3Client> {
    const [region, authorities] = await Promise.all([
      regionOf(place, surroundings),
      certificates(surroundings.authorities),
    ]);
    return new S3Client(place, region, authorities);
  }

  private constructor(place: S3Place, region: string, authorities: Uint8Array | undefined) {
    this.#place = place;
    this.#region = region;
    this.#exchanges = new Exchanges(addressOf(place, region).isSecure, authorities);
    this.#signer = new SignatureV4({
      service: 's3',
      region,
      // Nothing of it goes to the terminal.
      credentials: defaultProvider({
        logger: { debug: say, info: say, warn: say, error: say },
        clientConfig: { region },
      }),
      sha256: Sha256,
      uriEscapePath: false,
    });
  }

  get region(): string {
    return this.#region;
  }

  /**
   * The answer of a success, whose body is still to be read.
   * @throws Refusal; what Node throws when there is no answer; CredentialsProviderError
   */
  async send(request: S3Request): Promise<IncomingMessage> {
    for (let corrections = 0; ; corrections += 1) {
      // Others may put right meanwhile what this one was sent with.
      const sentWith = { region: this.#region, ahead: this.#ahead };
      const answer = await this.#once(request, sentWith);
      const status = answer.statusCode ?? 0;
      if (status >= 200 && status < 300) return answer;
      const refusal = await refusalOf(answer);
      if (corrections === CORRECTIONS || !this.#correct(refusal, sentWith)) throw refusal;
    }
  }

  async #once(request: S3Request, { region, ahead }: Corrected): Promise<IncomingMessage> {
    const { method, key, query = {}, headers = {}, body } = request;
    const { hostname, port, path: base } = addressOf(this.#place, region);
    const path = (key === undefined ? base : `${base}/${key.split('/').map(encodeName).join('/')}`) || '/';
    const signed = await this.#signer.sign(
      {
        method,
        protocol: 'https:',
        hostname,
        path,
        query: { ...query },
        headers: {
          // Some gates refuse whoever does not say what it is.
          'user-agent': 'neo',
          host: port === undefined ? named(hostname) : `${named(hostname)}:${port}`,
          'x-amz-content-sha256': body?.sha256 ?? NOTHING,
          ...(body === undefined ? {} : { 'content-length': String(body.length) }),
          ...headers,
        },
      },
      { signingDate: new Date(Date.now() + ahead), signingRegion: region },
    );
    return this.#exchanges.ask({
      method,
      hostname,
      path: path + queryOf(query),
      headers: signed.headers,
      ...(port === undefined ? {} : { port }),
      ...(body === undefined ? {} : { body: body.open() }),
    });
  }

  /** Could it be answered otherwise if it was asked again? */
  #correct({ status, region, date, reason }: Refusal, sentWith: Corrected): boolean {
    // It becomes part of a host's name.
    if ([301, 307, 400].includes(status) && region !== undefined && region !== sentWith.region && REGION.test(region)) {
      this.#region = region;
      return true;
    }
    // HEAD has no body that could name it.
    if (status !== 403 || !(reason === undefined || reason === 'RequestTimeTooSkewed') || date === undefined)
      return false;
    const ahead = date - Date.now();
    if (Math.abs(ahead - sentWith.ahead) < WRONG_CLOCK_MS) return false;
    this.#ahead = ahead;
    return true;
  }

  close(): void {
    this.#exchanges.close();
  }
}

const say = (): void => undefined;

function named(hostname: string): string {
  return hostname.includes(':') ? `[${hostname}]` : hostname;
}

function queryOf(query: Readonly<Record<string, string>>): string {
  const parts = Object.entries(query).map(([name, value]) => `${encodeName(name)}=${encodeName(value)}`);
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}

/** The location's, the environment's, that of ~/.aws/config. To a server of one's own it does not matter, but something must be signed. */
async function regionOf(place: S3Place, surroundings: S3Surroundings): Promise<string> {
  const region = place.region ?? surroundings.region;
  if (region !== undefined) return region;
  return (place.endpoint === undefined ? await configuredRegion() : undefined) ?? 'us-east-1';
}

async function configuredRegion(): Promise<string | undefined> {
  const { loadConfig, NODE_REGION_CONFIG_FILE_OPTIONS, NODE_REGION_CONFIG_OPTIONS } = await import(
    '@smithy/core/config'
  );
  return loadConfig(NODE_REGION_CONFIG_OPTIONS, NODE_REGION_CONFIG_FILE_OPTIONS)().catch(() => undefined);
}

async function certificates(path: string | undefined): Promise<Uint8Array | undefined> {
  if (path === undefined) return undefined;
  return readFile(path).catch((cause: unknown) => {
    throw new NeoError('usage', `cannot read the certificates of ${path}`, { cause });
  });
}
