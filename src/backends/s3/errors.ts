/** What an S3 store answers, as the errors of the contract. Names of errors: "Error responses", Amazon S3 API Reference. */
import { type ErrorCode, messageOf, NeoError, systemCode } from '../../core/errors.ts';
import { Refusal } from './refusal.ts';

interface Meaning {
  readonly code: ErrorCode;
  readonly text: string;
  readonly hint?: string;
  readonly isPermanent?: boolean;
}

const NO_CREDENTIALS: Meaning = {
  code: 'permission-denied',
  text: 'there are no credentials for it',
  hint: 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE for one of ~/.aws',
};
const NO_BUCKET: Meaning = {
  code: 'no-repository',
  text: 'there is no such bucket',
  hint: 'check the location, or let it be made: neo init --create-bucket',
};
const DENIED: Meaning = {
  code: 'permission-denied',
  text: 'permission denied',
  hint: 'check the credentials (AWS_ACCESS_KEY_ID, AWS_PROFILE) and what they may do with the bucket',
};
const CLOCK: Meaning = {
  code: 'permission-denied',
  text: 'the clock of this machine is wrong',
  hint: 'set the clock: requests are signed with the time',
};
const OVER_QUOTA: Meaning = { code: 'quota-exceeded', text: 'the quota is used up' };
const FULL: Meaning = { code: 'no-space', text: 'no space left on the storage' };
const ELSEWHERE: Meaning = {
  code: 'failed',
  text: 'the bucket lies in another region',
  hint: 'say which: s3://…?region=NAME',
};
const BUSY: Meaning = { code: 'unreachable', text: 'the storage has no time' };
const IN_TRANSIT: Meaning = { code: 'unreachable', text: 'bytes were changed on the way' };
const CUT: Meaning = { code: 'unreachable', text: 'the storage does not answer' };
const NOBODY: Meaning = {
  code: 'unreachable',
  text: 'there is no such host',
  hint: 'check the endpoint of the location',
  isPermanent: true,
};
const NOT_TRUSTED: Meaning = {
  code: 'unreachable',
  text: 'its certificate is not trusted',
  hint: 'name the certificate of its authority: AWS_CA_BUNDLE=FILE',
  isPermanent: true,
};

const BY_REASON: ReadonlyMap<string, Meaning> = new Map([
  ['NoSuchBucket', NO_BUCKET],
  ['RequestTimeTooSkewed', CLOCK],
  ['QuotaExceeded', OVER_QUOTA],
  ['PermanentRedirect', ELSEWHERE],
  ['AuthorizationHeaderMalformed', ELSEWHERE],
  ['BadDigest', IN_TRANSIT],
  ['XAmzContentSHA256Mismatch', IN_TRANSIT],
  ['IncompleteBody', CUT],
  ['RequestTimeout', CUT],
  ['SlowDown', BUSY],
  ['ConditionalRequestConflict', BUSY],
]);

const BY_STATUS: ReadonlyMap<number, Meaning> = new Map([
  [401, DENIED],
  [403, DENIED],
  [301, ELSEWHERE],
  [408, CUT],
  [409, BUSY],
  [429, BUSY],
  [507, FULL],
]);

const BY_SYSTEM: ReadonlyMap<string, Meaning> = new Map([
  ['ENOTFOUND', NOBODY],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', NOT_TRUSTED],
  ['SELF_SIGNED_CERT_IN_CHAIN', NOT_TRUSTED],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', NOT_TRUSTED],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', NOT_TRUSTED],
  ['CERT_HAS_EXPIRED', NOT_TRUSTED],
  ['ERR_TLS_CERT_ALTNAME_INVALID', NOT_TRUSTED],
]);

/** The status of an answer that is no success; undefined for other errors. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof Refusal ? error.status : undefined;
}

/** The store says that there is no such object. Others, as networks in hotels, say 404 as well. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Refusal && error.status === 404 && error.reason === 'NoSuchKey';
}

/** HEAD of a bucket says no more than 404. */
export function noBucket(location: string, cause: unknown): NeoError {
  const { code, text, hint } = NO_BUCKET;
  return new NeoError(code, `cannot open ${location}: ${text}`, { cause, ...(hint === undefined ? {} : { hint }) });
}

/** @param doing such as `store packs/00/a` */
export function s3Error(error: unknown, doing: string): NeoError {
  if (error instanceof NeoError) return error;
  const { code, text, hint, isPermanent } = meaningOf(error);
  return new NeoError(code, `cannot ${doing}: ${text}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
    ...(isPermanent === undefined ? {} : { isPermanent }),
  });
}

function meaningOf(error: unknown): Meaning {
  if (error instanceof Refusal) return meaningOfRefusal(error);
  if (error instanceof Error && error.name === 'CredentialsProviderError') return NO_CREDENTIALS;
  return (
    BY_SYSTEM.get(systemCode(error) ?? '') ?? { ...CUT, text: `${CUT.text} (${systemCode(error) ?? messageOf(error)})` }
  );
}

function meaningOfRefusal({ status, reason }: Refusal): Meaning {
  const known = BY_REASON.get(reason ?? '') ?? BY_STATUS.get(status);
  if (known !== undefined) return known;
  if (status >= 500) return { ...BUSY, text: `${BUSY.text} (HTTP ${status})` };
  return { code: 'failed', text: `it answers ${reason ?? `HTTP ${status}`}` };
}
