/** What is taken from the answers of a store, none of which is believed to be complete. */
import { z } from 'zod/mini';
import { NeoError } from '../../core/errors.ts';
import type { ObjectInfo } from '../backend.ts';

/** Nothing of a repository is nearly as long. */
const LONGEST = 2 ** 31;

const response = z.object({ headers: z.record(z.string(), z.string()) });

/** The header that every server sends: RFC 9110, section 6.6.1. */
export function dateOf(answer: unknown): string | undefined {
  const parsed = response.safeParse(answer);
  return parsed.success ? parsed.data.headers['date'] : undefined;
}

/** Of a body, bytes. @throws NeoError failed */
export function lengthOf(path: string, { ContentLength }: { ContentLength?: number | undefined }): number {
  if (ContentLength === undefined || ContentLength > LONGEST) {
    throw new NeoError('failed', `cannot read ${path}: the storage says that it is ${ContentLength ?? '?'} bytes long`);
  }
  return ContentLength;
}

/** RFC 9110, section 14.4. Without it the server sends something else than the range that was asked for. */
export function beginsAt({ ContentRange }: { ContentRange?: string | undefined }, offset: number): boolean {
  return ContentRange?.startsWith(`bytes ${offset}-`) === true;
}

/** Times in whole seconds: HEAD knows no others. @throws NeoError failed */
export function infoOf(path: string, size: number | undefined, modified: Date | undefined): ObjectInfo {
  if (size === undefined || modified === undefined || Number.isNaN(modified.getTime())) {
    throw new NeoError('failed', `the storage does not say how long ${path} is, or of when`);
  }
  return { path, size, modified: Math.floor(modified.getTime() / 1000) * 1000 };
}
