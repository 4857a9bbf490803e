/** `s3://bucket/prefix?endpoint=…&region=…`. Secrets have no place in it. */
import { NeoError } from '../core/errors.ts';

export interface S3Place {
  readonly bucket: string;
  /** Before the path of each object: empty, or ending in `/`. */
  readonly prefix: string;
  /** Of a server that is not Amazon's. */
  readonly endpoint?: string;
  readonly region?: string;
  /** Is the bucket in the path of a URL, or in the name of the host? */
  readonly style: 'path' | 'virtual';
  /** Of packs; what is read again and again stays in the standard one. */
  readonly storageClass?: string;
}

const FORM = /^s3:\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/is;
/** As new buckets are called at Amazon (docs: "Bucket naming rules"), and older ones with capitals and `_`. */
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/;
const PREFIX_PART = /^[A-Za-z0-9!_.*'()@+= -]+$/;
const REGION = /^[a-z0-9-]{1,63}$/;
const STORAGE_CLASS = /^[A-Z][A-Z0-9_]{1,63}$/;
const PARAMETERS = ['endpoint', 'region', 'style', 'storage-class'];
/** What lies there must be asked for hours before it can be read. */
const COLD = /^(GLACIER|DEEP_ARCHIVE)$/;

/** @throws NeoError usage; the location is not repeated, for people put secrets there */
export function parseS3(text: string): S3Place {
  const [, bucket = '', path = '', query = ''] = FORM.exec(text) ?? [];
  if (bucket.includes('@') || bucket.includes(':')) throw notS3('secrets do not belong into an s3: location', SECRETS);
  if (!BUCKET.test(bucket)) throw notS3('the s3: location has no valid bucket');
  return { bucket, prefix: prefixOf(path), ...parametersOf(new URLSearchParams(query)) };
}

function parametersOf(given: URLSearchParams): Omit<S3Place, 'bucket' | 'prefix'> {
  for (const name of given.keys()) {
    if (!PARAMETERS.includes(name) || given.getAll(name).length > 1)
      throw notS3('the s3: location is wrong after its ?');
  }
  const value = (name: string): string | undefined => given.get(name) || undefined;
  const [region, storageClass] = [value('region'), value('storage-class')];
  const endpoint = endpointOf(value('endpoint'));
  if (region !== undefined && !REGION.test(region)) throw notS3('the s3: location has no valid region');
  return {
    style: styleOf(value('style'), endpoint),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(storageClass === undefined ? {} : { storageClass: classOf(storageClass) }),
  };
}

function styleOf(given: string | undefined, endpoint: string | undefined): S3Place['style'] {
  if (given === undefined) return endpoint === undefined ? 'virtual' : 'path';
  if (given !== 'path' && given !== 'virtual') throw notS3('the style of an s3: location is path or virtual');
  return given;
}

function classOf(given: string): string {
  if (STORAGE_CLASS.test(given) && !COLD.test(given)) return given;
  throw notS3('no storage class for packs, which must be read at any time', 'such as storage-class=STANDARD_IA');
}

/** For people, and to be typed again. */
export function showS3({ bucket, prefix, endpoint, region, style, storageClass }: S3Place): string {
  const query = [
    endpoint === undefined ? '' : `endpoint=${endpoint}`,
    region === undefined ? '' : `region=${region}`,
    style === (endpoint === undefined ? 'virtual' : 'path') ? '' : `style=${style}`,
    storageClass === undefined ? '' : `storage-class=${storageClass}`,
  ].filter((part) => part !== '');
  const path = prefix === '' ? '' : `/${prefix.slice(0, -1)}`;
  return `s3://${bucket}${path}${query.length === 0 ? '' : `?${query.join('&')}`}`;
}

function prefixOf(path: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    throw notS3('the path of the s3: location is wrongly encoded');
  }
  const parts = decoded.split('/').filter((part) => part !== '');
  if (parts.some((part) => !PREFIX_PART.test(part) || part === '.' || part === '..')) {
    throw notS3('the s3: location has no valid path');
  }
  return parts.map((part) => `${part}/`).join('');
}

function endpointOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const url = URL.parse(text.includes('://') ? text : `https://${text}`);
  if (url === null || !/^https?:$/.test(url.protocol)) throw notS3('the endpoint of the s3: location is no URL');
  if (url.username !== '' || url.password !== '') throw notS3('secrets do not belong into an s3: location', SECRETS);
  if (url.search !== '' || url.hash !== '') throw notS3('the endpoint of the s3: location is no URL');
  return url.href.replace(/\/+$/, '');
}

const SECRETS = 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a profile of ~/.aws (AWS_PROFILE)';

function notS3(message: string, hint = 'write s3://bucket/prefix?endpoint=https://host&region=name'): NeoError {
  return new NeoError('usage', message, { hint });
}
