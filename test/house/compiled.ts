/** Where the processes of all tests keep compiled code: each has a home of its own, and would compile all of it anew. */
import { join } from 'node:path';

export const COMPILED: Readonly<Record<string, string>> = {
  NODE_COMPILE_CACHE: join(import.meta.dirname, '../../node_modules/.cache/neo-tests'),
};
