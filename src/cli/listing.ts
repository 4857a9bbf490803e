/** A list: an object for each thing and a summary, or a table. */
import type { JsonBody, Output } from './output.ts';
import type { Column } from './table.ts';

export interface Listed {
  readonly json: JsonBody;
  readonly row: readonly string[];
}

export interface Listing {
  /** Of each object; the summary counts them under the plural. */
  readonly type: string;
  readonly columns: readonly Column[];
  readonly things: readonly Listed[];
  /** Said where there are none. */
  readonly none: string;
}

export async function printListing(out: Output, { type, columns, things, none }: Listing): Promise<void> {
  for (const { json } of things) await out.object(type, json);
  await out.object('summary', { [`${type}s`]: things.length });
  if (things.length === 0) out.note(none);
  await out.table(
    columns,
    things.map(({ row }) => row),
  );
}
