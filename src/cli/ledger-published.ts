/**
 * After something was published at a server: that its ledger continues what was known of it here, and has what was published. Whoever has a server go back, or
 * shows his clients two histories, is found with their next snapshot.
 */
import { ControlClient } from '../backends/neo-control.ts';
import { viewPublished } from '../backends/neo-ledger.ts';
import type { NeoPlace } from '../backends/neo-location.ts';
import { isNeoError, messageOf } from '../core/errors.ts';
import { knownLedger, rememberLedger } from './ledgers.ts';
import type { Output } from './output.ts';
import { trustAt } from './server-trust.ts';
import { systemFolders, systemSurroundings } from './surroundings.ts';

/**
 * @param path of the object, such as `snapshots/…`
 * @throws NeoError integrity
 */
export async function checkPublished(place: NeoPlace, path: string, out: Output): Promise<void> {
  const folders = systemFolders();
  const trust = await trustAt(place, folders, process.env);
  const { engine } = await systemSurroundings();
  const client = new ControlClient(place, trust);
  try {
    const known = await knownLedger(folders, place);
    await rememberLedger(folders, place, await viewPublished(client, engine, known, { target: place.target, path }));
  } catch (error) {
    // What was saved is saved; with the next one it is looked at again.
    if (isNeoError(error, 'integrity')) throw error;
    // Else it is a server that has none.
    if (!isNeoError(error, 'usage')) out.note(`the ledger of the server was not looked at: ${messageOf(error)}`);
  } finally {
    await client.close();
  }
}
