/** The agent's process: started by `neo unlock` with the folder of its socket as the argument. */
import { writeFileSync } from 'node:fs';
import { systemClock } from '../../core/clock.ts';
import { serveAgent } from './server.ts';

const folder = process.argv[2] ?? '';
process.title = `neo agent ${folder}`;
try {
  // Of this process no memory goes into a core dump (core(5)).
  writeFileSync('/proc/self/coredump_filter', '0');
} catch {
  // Not every system has it.
}
await serveAgent(folder, systemClock);
