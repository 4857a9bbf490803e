/**
 * A process of its own that asks a server again and again, and does nothing else: `node asking-child.ts PORT FINGERPRINT MILLISECONDS`.
 * Ends with 0 after that time, and with 9 when nothing is left that would wake it while it waits for an answer.
 */
import { openNeo } from '../../src/backends/neo.ts';
import { fromHex } from '../../src/core/bytes.ts';
import { isNeoError } from '../../src/core/errors.ts';

const [port = '', fingerprint = '', milliseconds = ''] = process.argv.slice(2);
const trust = { fingerprint: fromHex(fingerprint), token: 'x' };
const target = openNeo({ host: '127.0.0.1', port: Number(port), target: 'x' }, { trust });

process.on('beforeExit', () => process.exit(9));
setTimeout(() => process.exit(0), Number(milliseconds)).unref();

async function ask(): Promise<never> {
  for (;;) {
    for (const asked of [
      () => target.get('a'),
      () => target.put('a', new Uint8Array(30_000)),
      () => target.stat('a'),
    ]) {
      await asked().catch((error: unknown) => {
        if (!isNeoError(error, 'unreachable')) throw error;
      });
    }
  }
}

await Promise.all([ask(), ask(), ask(), ask()]);
