/** An answer that is no success. "Error responses", Amazon S3 API Reference. */
import type { IncomingMessage } from 'node:http';
import { wholeBody } from '../bodies.ts';
import { readXml, textOf } from './xml.ts';

const MOST_BYTES = 64 << 10;

export class Refusal extends Error {
  readonly status: number;
  /** Such as `NoSuchKey`. Undefined: nobody says, as after HEAD, whose answer has no body. */
  readonly reason: string | undefined;
  /** Where the bucket lies. */
  readonly region: string | undefined;
  /** Of the server's clock, milliseconds. */
  readonly date: number | undefined;

  constructor(about: { status: number; reason?: string | undefined; region?: string | undefined; date?: number }) {
    super(`HTTP ${about.status} ${about.reason ?? ''}`.trim());
    this.status = about.status;
    this.reason = about.reason;
    this.region = about.region;
    this.date = about.date;
  }
}

export async function refusalOf(answer: IncomingMessage): Promise<Refusal> {
  // What was cut off, or is no error of S3, says as much as the status does.
  const body = await wholeBody(answer, MOST_BYTES).catch(() => new Uint8Array());
  return refusal(answer, body);
}

/** Undefined: the body of this success is none. Some stores find out that they fail after they began to answer. */
export function lateRefusal(answer: IncomingMessage, body: Uint8Array): Refusal | undefined {
  return readXml(body)?.name === 'Error' ? refusal(answer, body) : undefined;
}

function refusal({ statusCode = 0, headers }: IncomingMessage, body: Uint8Array): Refusal {
  const element = readXml(body);
  const said = element?.name === 'Error' ? element : undefined;
  const region = headers['x-amz-bucket-region'];
  const date = Date.parse(headers.date ?? '');
  return new Refusal({
    status: statusCode,
    reason: said === undefined ? undefined : textOf(said, 'Code'),
    region: typeof region === 'string' ? region : said && textOf(said, 'Region'),
    ...(Number.isNaN(date) ? {} : { date }),
  });
}
