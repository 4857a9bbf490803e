/** JSON that goes over the wire; each end parses what the other says. */
import { integer, moment, z } from '../core/schema.ts';

export const helloSchema = z.object({
  protocol: z.object({ major: integer(0, 1000), minor: integer(0, 1000) }),
  version: z.string().check(z.maxLength(100)),
  /** Of this server, for ever. */
  site: z.string().check(z.maxLength(100)),
  /** Of this connection; random, and never a right to anything. */
  connection: z.string().check(z.maxLength(100)),
  /** In development: policies are switched off. */
  dev: z.optional(z.boolean()),
});
export type Hello = z.infer<typeof helloSchema>;

export const timeSchema = z.object({ now: moment });

/** Path, size in bytes, time of the storage in milliseconds since 1970. */
const objectSchema = z.tuple([z.string().check(z.maxLength(1000)), integer(0), moment]);

export const MOST_LISTED = 1000;
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
