/** A code that lets a device in, and the line that whoever gets it types. */
import { showFingerprint, type Trust } from '../backends/neo-control.ts';
import { type NeoHost, showNeoHost } from '../backends/neo-location.ts';
import { formatTime } from '../core/format.ts';
import type { ControlAnswer } from '../protocol/control.ts';
import { isLoopback } from './listen.ts';
import type { JsonBody, Output } from './output.ts';

/** @param more what else the summary says */
export async function tellInvitation(
  out: Output,
  { host, port }: NeoHost,
  trust: Trust,
  { code, until }: ControlAnswer<'device-invite'>,
  more: JsonBody,
): Promise<void> {
  const server = showNeoHost({ host, port });
  const fingerprint = showFingerprint(trust.fingerprint);
  const command = `neo login ${server} --code ${code} --fingerprint ${fingerprint}`;
  const body = { ...more, code, until: new Date(until).toISOString(), server, fingerprint, command };
  await out.record('summary', body, `${code}\n${command}`);
  out.note(`the code lets one device in, once, until ${formatTime(new Date(until))}`);
  if (isLoopback(host)) out.note(`${host} means this machine: on others put its name there`);
}
