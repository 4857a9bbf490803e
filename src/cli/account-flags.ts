/** What is set of an account: sub-accounts, and those of a server. */
import * as Flags from '@oclif/core/flags';
import { parseSize } from '../core/format.ts';

export const disableFlags = {
  disable: Flags.boolean({ summary: 'Let nobody of it in.', exclusive: ['enable'] }),
  enable: Flags.boolean({ summary: 'Let them in again.', exclusive: ['disable'] }),
};

/** Undefined: as it was. oclif gives nothing for a flag that was not typed. */
export function isDisabledBy({ disable, enable }: { disable?: boolean; enable?: boolean }): boolean | undefined {
  if (disable === true) return true;
  return enable === true ? false : undefined;
}

export const limitFlags = {
  quota: Flags.string({
    helpValue: 'SIZE',
    summary: 'What it may store: 500M, 1.5GiB; none: as much as there is room.',
  }),
  'per-object': Flags.string({ helpValue: 'SIZE', summary: 'What each object is charged with beside its own bytes.' }),
};

/** @throws NeoError usage */
export function limitsBy(flags: { readonly quota?: string | undefined; readonly 'per-object'?: string | undefined }): {
  quota: number | null | undefined;
  perObject: number | undefined;
} {
  const { quota, 'per-object': perObject } = flags;
  return {
    quota: quota === 'none' ? null : sizeOf(quota),
    perObject: sizeOf(perObject),
  };
}

function sizeOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseSize(text);
}
