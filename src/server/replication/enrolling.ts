/** How this server gets in at another one, by a code that works once. */
import { ControlClient } from '../../backends/neo-control.ts';
import { parseNeoHost } from '../../backends/neo-location.ts';
import type { Clock } from '../../core/clock.ts';
import { NeoError } from '../../core/errors.ts';
import { makeDeviceCertificate, makeDeviceKey } from '../../engine/device-certificate.ts';
import { site as siteSchema } from '../../protocol/witness.ts';
import { fingerprintOf } from './sender.ts';

export interface Enrolled {
  /** Of the other server. */
  readonly site: string;
  /** Fingerprints, as people see them. */
  readonly keys: readonly string[];
  /** PEM. */
  readonly deviceKey: string;
}

/** @param own site of this server. @throws NeoError usage for itself; permission-denied, unreachable */
export async function enrolAt(
  clock: Clock,
  own: string,
  { location, fingerprint, code }: { readonly location: string; readonly fingerprint: string; readonly code: string },
): Promise<Enrolled> {
  const key = makeDeviceKey();
  const client = new ControlClient(parseNeoHost(location), {
    fingerprint: fingerprintOf(fingerprint),
    device: { key, cert: makeDeviceCertificate(key, clock.now()) },
  });
  try {
    const { site, keys = [] } = await client.hello();
    const parsed = siteSchema.safeParse(site);
    if (!parsed.success) throw new NeoError('failed', 'the other server does not say who it is');
    // Before the code is spent.
    if (site === own) throw new NeoError('usage', 'that is this server itself');
    await client.call('enrol', { code, device: `server ${own}` });
    return { site, keys: keys.includes(fingerprint) ? keys : [fingerprint], deviceKey: key };
  } finally {
    await client.close();
  }
}
