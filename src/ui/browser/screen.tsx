/** One frame: the title, the page that is seen, and the bar of keys. Only rows that fit are made. */
import { Box, Text } from 'ink';
import type { ReactNode } from 'react';
import { KEY_BAR, KEYS } from './keys.ts';
import { type BrowserState, type Column, type Content, type Opened, type Row, seen } from './state.ts';

/** Lines that are not the page's: title, heads of columns, note, keys. */
export const FRAME_LINES = 4;
/** Of these, the heads of columns, which a text has not. */
const HEADS = 1;

export function Screen({ state, width }: { readonly state: BrowserState; readonly width: number }): ReactNode {
  const page = seen(state);
  return (
    <Box flexDirection="column" width={width} height={state.height + FRAME_LINES}>
      <Line text={state.stack.map(({ page: { title } }) => title).join(' › ')} isBold cut="start" />
      {state.isHelp || page === undefined ? <Help /> : <PageView page={page} height={state.height} />}
      <Box flexGrow={1} />
      <Line text={page === undefined ? '' : noteOf(page)} isDim />
      <Line text={KEY_BAR} isInverse />
    </Box>
  );
}

interface LineLook {
  readonly text: string;
  readonly isBold?: boolean;
  readonly isDim?: boolean;
  readonly isInverse?: boolean;
  readonly cut?: 'start' | 'end';
}

function Line({ text, isBold = false, isDim = false, isInverse = false, cut = 'end' }: LineLook): ReactNode {
  return (
    <Box height={1} flexShrink={0}>
      <Text
        bold={isBold}
        dimColor={isDim}
        inverse={isInverse}
        wrap={cut === 'start' ? 'truncate-start' : 'truncate-end'}
      >
        {text === '' ? ' ' : text}
      </Text>
    </Box>
  );
}

function Help(): ReactNode {
  const width = Math.max(...KEYS.map(([keys]) => keys.length)) + 2;
  return KEYS.map(([keys, what]) => <Line key={keys} text={`  ${keys.padEnd(width)}${what}`} />);
}

function PageView({ page, height }: { readonly page: Opened; readonly height: number }): ReactNode {
  if (page.failure !== undefined) return <Line text={page.failure} />;
  if (page.content === undefined) return <Line text="reading …" isDim />;
  if (page.content.type === 'list') return <List content={page.content} page={page} height={height} />;
  const lines = page.content.lines.slice(page.cursor, page.cursor + height + HEADS);
  return lines
    .map((text, n) => ({ text, place: page.cursor + n }))
    .map(({ text, place }) => <Line key={place} text={text} />);
}

type ListContent = Extract<Content, { type: 'list' }>;

interface ListLook {
  readonly content: ListContent;
  readonly page: Opened;
  readonly height: number;
}

function List({ content: { columns, rows }, page: { cursor, top }, height }: ListLook): ReactNode {
  const shown = rows.slice(top, top + height).map((row, n) => ({ row, place: top + n }));
  const widths = columns.map(({ title }, at) =>
    shown.reduce((most, { row }) => Math.max(most, (row.cells[at] ?? '').length), title.length),
  );
  const head: Row = { cells: columns.map(({ title }) => title), isDim: true };
  return (
    <>
      <RowView row={head} columns={columns} widths={widths} isChosen={false} />
      {shown.map(({ row, place }) => (
        <RowView key={place} row={row} columns={columns} widths={widths} isChosen={place === cursor} />
      ))}
      {rows.length === 0 && <Line text="  nothing is here" isDim />}
    </>
  );
}

interface RowLook {
  readonly row: Row;
  readonly columns: readonly Column[];
  readonly widths: readonly number[];
  readonly isChosen: boolean;
}

function RowView({ row: { cells, isDim = false }, columns, widths, isChosen }: RowLook): ReactNode {
  const cell = (at: number, column: Column): ReactNode => (
    <Box
      key={column.title}
      flexGrow={column.isWide === true ? 1 : 0}
      flexShrink={column.isWide === true ? 1 : 0}
      flexBasis={column.isWide === true ? 0 : (widths[at] ?? 0)}
      marginRight={2}
      justifyContent={column.isNumber === true ? 'flex-end' : 'flex-start'}
    >
      <Text dimColor={isDim} inverse={isChosen} wrap="truncate-middle">
        {cells[at] === '' ? ' ' : cells[at]}
      </Text>
    </Box>
  );
  return (
    <Box height={1} flexShrink={0}>
      <Text inverse={isChosen}>{isChosen ? '>' : ' '}</Text>
      <Box width={1} flexShrink={0} />
      {columns.map((column, at) => cell(at, column))}
    </Box>
  );
}

function noteOf({ content, cursor, page }: Opened): string {
  if (content === undefined) return page.title;
  const of = content.type === 'list' ? content.rows.length : content.lines.length;
  const place = of === 0 ? '' : `${Math.min(cursor + 1, of)} of ${of}`;
  return [place, content.note ?? ''].filter((text) => text !== '').join(' · ');
}
