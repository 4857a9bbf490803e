/** The package @napi-rs/xattr: extended attributes by text paths, where the C library's own calls cannot be had. */
import { createRequire } from 'node:module';

export type NapiXattr = typeof import('@napi-rs/xattr');

let loaded: { readonly napi: NapiXattr | undefined } | undefined;

/** Undefined where the package has no binary for the platform. */
export function loadNapiXattr(): NapiXattr | undefined {
  loaded ??= { napi: tryLoad() };
  return loaded.napi;
}

function tryLoad(): NapiXattr | undefined {
  try {
    return createRequire(import.meta.url)('@napi-rs/xattr');
  } catch {
    return undefined;
  }
}
