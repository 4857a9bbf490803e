/** One question to the agent and its answer. Whatever sits behind the socket can neither hang nor mislead who asks. */
import { connect } from 'node:net';
import { messageOf, systemCode } from '../../core/errors.ts';
import {
  type AgentRequest,
  answerSchema,
  decodeMessage,
  encodeMessage,
  type HeldKey,
  LONGEST_MESSAGE,
  VERSION,
} from './messages.ts';
import { socketIn, whyUnsafe } from './place.ts';

/** Milliseconds; an agent answers within two. */
const PATIENCE = 200;

export type Answer =
  | { readonly status: 'answered'; readonly keys: readonly HeldKey[]; readonly secret: Uint8Array }
  | { readonly status: 'absent' }
  /** Something is there, and it is not to be used. */
  | { readonly status: 'wrong'; readonly reason: string };

type Unversioned<T> = T extends { v: unknown } ? Omit<T, 'v'> : T;

export async function askAgent(
  folder: string,
  request: Unversioned<AgentRequest>,
  secret?: Uint8Array,
): Promise<Answer> {
  const reason = whyUnsafe(folder);
  if (reason !== undefined) return { status: 'wrong', reason };
  try {
    const pieces = await roundTrip(socketIn(folder), encodeMessage({ v: VERSION, ...request }, secret));
    const message = decodeMessage(pieces);
    const parsed = answerSchema.safeParse(message?.body);
    if (message === undefined || !parsed.success) return { status: 'wrong', reason: 'it is of another version' };
    return { status: 'answered', keys: parsed.data.keys, secret: message.secret };
  } catch (error) {
    // A socket that nobody serves is what a killed agent leaves.
    if (['ENOENT', 'ENOTDIR', 'ECONNREFUSED'].includes(systemCode(error) ?? '')) return { status: 'absent' };
    return { status: 'wrong', reason: messageOf(error) };
  }
}

function roundTrip(path: string, request: Uint8Array): Promise<Uint8Array[]> {
  return new Promise((resolve, reject) => {
    const pieces: Uint8Array[] = [];
    let length = 0;
    const socket = connect(path);
    const timer = setTimeout(() => socket.destroy(new Error('it does not answer')), PATIENCE);
    socket.on('data', (piece: Uint8Array) => {
      pieces.push(piece);
      length += piece.length;
      if (length > LONGEST_MESSAGE) socket.destroy(new Error('it says too much'));
    });
    socket.on('end', () => resolve(pieces));
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      request.fill(0);
    });
    socket.end(request);
  });
}
