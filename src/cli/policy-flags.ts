/** Whom a policy is for. */
import { resolve } from 'node:path';
import * as Flags from '@oclif/core/flags';
import { utf8 } from '../core/bytes.ts';

export const scopeFlags = {
  host: Flags.string({ helpValue: 'NAME', summary: 'Only for snapshots of this host.' }),
  path: Flags.string({ helpValue: 'PATH', summary: 'Only for snapshots all of whose paths lie at or below it.' }),
};

export function policyScope({
  host,
  path,
}: {
  readonly host?: string | undefined;
  readonly path?: string | undefined;
}): {
  host?: string;
  path?: Uint8Array;
} {
  return {
    ...(host === undefined ? {} : { host }),
    ...(path === undefined ? {} : { path: utf8(resolve(path)) }),
  };
}
