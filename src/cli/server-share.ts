/** Shares on our own server: whom the server lets in to them, and under which location. */
import { ControlClient } from '../backends/neo-control.ts';
import { type NeoPlace, parseNeo, showNeo } from '../backends/neo-location.ts';
import { NeoError } from '../core/errors.ts';
import { trustAt } from './server-trust.ts';
import { systemFolders } from './surroundings.ts';

async function asked<T>(place: NeoPlace, work: (client: ControlClient) => Promise<T>): Promise<T> {
  const client = new ControlClient(place, await trustAt(place, systemFolders(), process.env));
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

function isOnServer(location: string): boolean {
  return /^neo:/i.test(location);
}

/** As whoever is let in reaches it: with the name of its owner, and without that of who made the share. */
export async function locationForOthers(location: string): Promise<string> {
  if (!isOnServer(location)) return location;
  const { account: _, ...place } = parseNeo(location);
  if (place.target.includes(':')) return showNeo(place);
  const { account } = await asked(parseNeo(location), (client) => client.call('whoami', {}));
  return showNeo({ ...place, target: `${account.parent ?? account.name}:${place.target}` });
}

/**
 * @param share id
 * @param expires milliseconds since 1970; 0: never
 * @throws NeoError usage where no server lets anybody in; permission-denied for who does not own the target
 */
export async function letInto(location: string, share: string, account: string, expires: number): Promise<void> {
  if (!isOnServer(location)) {
    throw new NeoError('usage', '--account names an account of a server, and this repository is on none', {
      hint: 'give its reader the file, and access to the storage',
    });
  }
  const place = parseNeo(location);
  const until = expires === 0 ? {} : { expires };
  const request = { target: ownName(place), to: account, share, role: 'read' as const, ...until };
  await asked(place, (client) => client.call('grant', request));
}

/**
 * Whoever was let in to it is not any more. By those who own the target: what is taken back reaches nothing in any case.
 */
export async function letNobodyInto(location: string, shares: readonly string[]): Promise<void> {
  if (!isOnServer(location)) return;
  const place = parseNeo(location);
  if (place.target.includes(':')) return;
  await asked(place, async (client) => {
    const { grants } = await client.call('grants', {});
    for (const { target, to, share } of grants) {
      if (target === ownName(place) && share !== null && shares.includes(share)) {
        await client.call('grant-remove', { target, to, share });
      }
    }
  });
}

function ownName({ target }: NeoPlace): string {
  return target.replace(/^.*:/, '');
}
