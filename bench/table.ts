/** Figures as tables, for a terminal and for Markdown. */
import type { Ratio, Row } from './figures.ts';
import { OPERATIONS, type Operation } from './operations.ts';
import { NEO, RESTIC } from './tools.ts';

export interface Table {
  readonly title: string;
  readonly header: readonly string[];
  readonly lines: readonly (readonly string[])[];
}

const MIB = 1 << 20;
const NOTHING = '–';

/** @param flags what was given besides `--only` and `--corpus`: each line ends with the flags that measure it again */
export function tablesOf(rows: readonly Row[], flags: readonly string[]): Table[] {
  const limits = rows.filter(({ operation }) => operation === 'limits');
  const others = rows.filter(({ operation }) => operation !== 'limits');
  return [comparison(others, flags), limitsTable(limits, flags)].filter(({ lines }) => lines.length > 0);
}

function comparison(rows: readonly Row[], flags: readonly string[]): Table {
  const tools = [...new Set(rows.map(({ tool }) => tool))];
  const rated = tools.filter((tool) => tool !== RESTIC);
  const all = tools.join(' / ');
  const lines = [...Map.groupBy(rows, ({ scene, operation }) => `${scene} ${operation}`).values()].map((group) => {
    const of = (tool: string): Row | undefined => group.find((row) => row.tool === tool);
    const each = (cell: (row: Row) => string): string => {
      const cells = tools.map((tool) => cellOf(of(tool), cell));
      return cells.every((text) => text === NOTHING) ? NOTHING : cells.join(' / ');
    };
    return [
      nameOf(group),
      ...rated.map((tool) => ratioText(of(tool)?.speed)),
      each(({ seconds }) => timeText(seconds)),
      each(({ cpu }) => timeText(cpu)),
      ratioText(of(NEO)?.cpuShare),
      each(({ peak }) => mibText(peak)),
      each(({ bytes }) => mibText(bytes)),
      ratioText(of(NEO)?.bytesShare),
      flagsOf(group, flags),
    ];
  });
  const header = [
    'what',
    ...rated.map((tool) => `${tool}: times as fast`),
    `seconds: ${all}`,
    'CPU s',
    'neo’s CPU, part of restic’s',
    'peak MiB',
    'MiB stored',
    'neo’s, part of restic’s',
    'flags',
  ];
  return { title: 'Against restic', header, lines };
}

function limitsTable(rows: readonly Row[], flags: readonly string[]): Table {
  const lines = rows.map((row) => [
    row.scene,
    row.tool,
    timeText(row.seconds),
    row.bytes === undefined ? NOTHING : (row.bytes / MIB / row.seconds).toFixed(0),
    timeText(row.cpu),
    mibText(row.peak),
    flagsOf([row], flags),
  ]);
  return { title: 'Limits', header: ['of', 'what', 'seconds', 'MiB/s', 'CPU s', 'peak MiB', 'flags'], lines };
}

function nameOf([row]: readonly Row[]): string {
  if (row === undefined) return '';
  const name: string = OPERATIONS[row.operation as Operation] ?? row.operation;
  return row.scene === 'start' || row.operation.startsWith('image') ? name : `${row.scene}: ${name}`;
}

function flagsOf([row]: readonly Row[], flags: readonly string[]): string {
  if (row === undefined) return '';
  return `\`${[`--only ${row.operation}`, `--corpus ${row.scene}`, ...flags].join(' ')}\``;
}

function cellOf(row: Row | undefined, cell: (row: Row) => string): string {
  return row === undefined ? NOTHING : cell(row);
}

/** `4.1 (3.8–4.4)`; without the spread where there was one run only. */
export function ratioText(ratio: Ratio | undefined): string {
  if (ratio === undefined) return NOTHING;
  const text = (value: number): string => value.toFixed(value < 1 ? 2 : 1);
  return ratio.least === ratio.most
    ? text(ratio.median)
    : `${text(ratio.median)} (${text(ratio.least)}–${text(ratio.most)})`;
}

export function timeText(seconds: number): string {
  return seconds.toFixed(seconds < 1 ? 3 : seconds < 10 ? 2 : 1);
}

function mibText(bytes: number | undefined): string {
  return bytes === undefined ? NOTHING : (bytes / MIB).toFixed(bytes < 10 * MIB ? 1 : 0);
}

export function markdownOf({ title, header, lines }: Table): string {
  const rows = [header, header.map(() => '---'), ...lines];
  return [`## ${title}`, '', ...rows.map((cells) => `| ${cells.join(' | ')} |`), ''].join('\n');
}

/** Columns as wide as what is in them. */
export function textOf({ title, header, lines }: Table): string {
  const rows = [header, ...lines];
  const widths = header.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  const padded = rows.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [title, ...padded, ''].join('\n');
}
