/** Where the bucket of a location answers. "Virtual hosting of buckets", Amazon S3 User Guide. */
import { isIP } from 'node:net';
import type { S3Place } from '../s3-location.ts';

export interface Address {
  readonly isSecure: boolean;
  readonly hostname: string;
  readonly port?: number;
  /** Of the bucket; empty when its name is that of the host. */
  readonly path: string;
}

/** Of a region; elsewhere than in these parts of the world it is `amazonaws.com`. */
const DOMAINS: ReadonlyArray<readonly [RegExp, string]> = [
  [/^cn-/, 'amazonaws.com.cn'],
  [/^eusc-/, 'amazonaws.eu'],
  [/^us-iso-/, 'c2s.ic.gov'],
  [/^us-isob-/, 'sc2s.sgov.gov'],
  [/^us-isof-/, 'csp.hci.ic.gov'],
  [/^eu-isoe-/, 'cloud.adc-e.uk'],
];
/** One name of a host: no certificate covers more, and capitals would be lost. */
const HOST_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

export function addressOf({ bucket, endpoint, style }: S3Place, region: string): Address {
  const url = new URL(endpoint ?? `https://s3.${region}.${domainOf(region)}`);
  // IPv6 stands in brackets in a URL.
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  const base = url.pathname.replace(/\/+$/, '');
  const isInHost = style === 'virtual' && HOST_LABEL.test(bucket) && isIP(hostname) === 0;
  return {
    isSecure: url.protocol === 'https:',
    hostname: isInHost ? `${bucket}.${hostname}` : hostname,
    path: isInHost ? base : `${base}/${bucket}`,
    ...(url.port === '' ? {} : { port: Number(url.port) }),
  };
}

function domainOf(region: string): string {
  return DOMAINS.find(([pattern]) => pattern.test(region))?.[1] ?? 'amazonaws.com';
}

/** As requests are signed: all but letters, digits and `-._~` (RFC 3986, section 2.3). */
export function encodeName(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
