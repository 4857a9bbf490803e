/**
 * Where the program's own files lie. Modules are bundled for the package (rolldown.config.ts): what stands beside a module in
 * src/ does not stand beside its code in dist/, so files are named from the top.
 */

/** `…/src/` with the modules as written, or `…/dist/` with the bundled ones. */
const [, top = '', modules = ''] = /^(.*\/)(src|dist)\//.exec(import.meta.url) ?? [];

/** A module that is started by its URL: the entry of a thread or of a process. It must be an entry of the bundle, too. */
export function ownModule(name: string): URL {
  return new URL(`${modules}/${name}.${modules === 'src' ? 'ts' : 'js'}`, top);
}

/** A file of the package, by its path from the package's top. */
export function ownFile(path: string): URL {
  return new URL(path, top);
}
