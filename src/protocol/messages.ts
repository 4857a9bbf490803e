/** JSON that goes over the wire; each end parses what the other says. */
import { integer, moment, z } from '../core/schema.ts';
import { MOST_KEYS, shownFingerprint } from './server-keys.ts';

export const helloSchema = z.object({
  protocol: z.object({ major: integer(0, 1000), minor: integer(0, 1000) }),
  version: z.string().check(z.maxLength(100)),
  /** Of this server, for ever. */
  site: z.string().check(z.maxLength(100)),
  /** Of this connection; random, and never a right to anything. */
  connection: z.string().check(z.maxLength(100)),
  /** In development: policies are switched off. */
  dev: z.optional(z.boolean()),
  /** Of the keys by which it is, or will be, known; those that it shows now first. */
  keys: z.optional(z.array(shownFingerprint).check(z.maxLength(MOST_KEYS))),
});
export type Hello = z.infer<typeof helloSchema>;

export const timeSchema = z.object({ now: moment });

/** Path, size in bytes, time of the storage in milliseconds since 1970. */
const objectSchema = z.tuple([z.string().check(z.maxLength(1000)), integer(0), moment]);

export const MOST_LISTED = 1000;
/** On one connection. */
export const REQUESTS_AT_ONCE = 64;
export const listSchema = z.object({
  objects: z.array(objectSchema).check(z.maxLength(MOST_LISTED)),
  /** To be asked for next; null at the end. */
  next: z.nullable(z.string().check(z.maxLength(1000))),
});
export type ListPage = z.infer<typeof listSchema>;

export const MOST_RANGES = 4096;
/** Of all ranges of one request. */
export const MOST_RANGE_BYTES: number = 16 << 20;
export const rangesSchema = z.object({
  /** Path, offset, length. */
  ranges: z
    .array(z.tuple([z.string().check(z.maxLength(1000)), integer(0), integer(0, MOST_RANGE_BYTES)]))
    .check(z.maxLength(MOST_RANGES)),
});
export type RangesRequest = z.infer<typeof rangesSchema>;

export const MOST_CHANGES = 1000;
/** Seconds for which a request for changes waits at most. */
export const MOST_WAIT_SECONDS = 60;
export const changesSchema = z.object({
  /** What was done, to which path, and its size in bytes; in the order in which it became durable. */
  changes: z
    .array(z.tuple([z.enum(['put', 'remove']), z.string().check(z.maxLength(1000)), integer(0)]))
    .check(z.maxLength(MOST_CHANGES)),
  /** To be asked with next. */
  cursor: z.string().check(z.maxLength(100)),
  /** What was since is not known: to be listed, and followed from this cursor on. */
  lost: z.boolean(),
});
export type ChangesPage = z.infer<typeof changesSchema>;

/** A line of the server's events: one of its log, or one of those below. Each has members of its own. */
export const eventSchema = z.looseObject({ event: z.string().check(z.maxLength(100)) });
export type ServerEvent = z.infer<typeof eventSchema>;

const name = z.string().check(z.maxLength(200));
/** The first line: from here on all is told. */
export const watchingSchema = z.object({ event: z.literal('watching'), version: name, site: name });
/** So many lines before this one were not taken fast enough. */
export const unreadSchema = z.object({ event: z.literal('unread'), count: integer(1) });
export const objectEventSchema = z.object({
  event: z.literal('object'),
  time: z.string().check(z.maxLength(40)),
  /** Whose target it is. */
  account: name,
  target: name,
  action: z.enum(['put', 'remove']),
  path: z.string().check(z.maxLength(1000)),
  size: integer(0),
  /** `ACCOUNT@DEVICE`, or the name of a token in place of the device's. */
  by: z.string().check(z.maxLength(500)),
});
export type ObjectEvent = z.infer<typeof objectEventSchema>;
