/** What can be read of a file here, and what cannot: for the summary and for people, so that nothing is lost silently. */
import { constants } from 'node:fs';
import { libcMissingReason, loadLibc } from './libc.ts';
import { loadNapiXattr } from './napi-xattr.ts';
import { hiddenNamespaces } from './xattr.ts';

export const CAPABILITIES = [
  'xattrs',
  'xattrs-of-any-name',
  'trusted-xattrs',
  'file-flags',
  'holes',
  'account-names',
  'long-paths',
  'keep-atime',
  'exact-link-times',
  'special-files',
] as const;

export type CapabilityName = (typeof CAPABILITIES)[number];

export interface Capability {
  readonly name: CapabilityName;
  readonly available: boolean;
  /** What is lost and why, for people; empty when available. */
  readonly reason: string;
}

/** One entry for each of {@link CAPABILITIES}, in that order. Loads the bindings. */
export function fsCapabilities(): Capability[] {
  const missing = loadLibc() === undefined ? libcMissingReason() : '';
  const noText = loadNapiXattr() === undefined ? 'no package for extended attributes loads' : '';
  const linux = process.platform === 'linux' ? '' : `not on ${process.platform}`;
  const reasons: Record<CapabilityName, string> = {
    xattrs: missing === '' ? '' : noText,
    'xattrs-of-any-name': missing,
    'trusted-xattrs': hiddenNamespaces().length === 0 ? '' : 'the system shows trusted.* to root only',
    'file-flags': missing,
    holes: missing,
    'account-names': missing === '' ? '' : `only names in /etc/passwd and /etc/group (${missing})`,
    'long-paths': linux,
    'keep-atime': constants.O_NOATIME === undefined ? `no O_NOATIME on ${process.platform}` : '',
    'exact-link-times': missing,
    'special-files': missing,
  };
  return CAPABILITIES.map((name) => ({ name, available: reasons[name] === '', reason: reasons[name] }));
}
