/** `--data-root`: where a server has what it knows. */
import { join, resolve } from 'node:path';
import * as Flags from '@oclif/core/flags';
import { systemFolders } from './surroundings.ts';

export const dataRootFlag = {
  'data-root': Flags.string({ helpValue: 'DIR', summary: 'Where all lies. Default: neo/server of the user.' }),
};

export function dataRootOf({ 'data-root': given }: { readonly 'data-root'?: string | undefined }): string {
  return given === undefined ? join(systemFolders().data, 'server') : resolve(given);
}
