/** What was measured, at once as a line of JSON, and at the end as tables in Markdown. */
import { ratioOf } from './figures.ts';
import { markdownOf, ratioText, type Table, timeText } from './table.ts';

export interface Figure {
  readonly part: string;
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** What `value` should be. */
  readonly wanted?: { readonly most: number } | { readonly least: number };
}

/** One command against one server. */
export interface Turn {
  readonly corpus: string;
  readonly operation: string;
  readonly round: number;
  /** `neo`, or what restic went to. */
  readonly who: string;
  readonly seconds: number;
  readonly cpu: number;
  /** Bytes. */
  readonly peak: number | undefined;
  readonly serverCpu: number;
  readonly serverPeak: number;
}

export class Report {
  readonly #figures: Figure[] = [];
  readonly #turns: Turn[] = [];

  figure(figure: Figure): void {
    this.#figures.push(figure);
    line(figure);
  }

  turn(turn: Turn): void {
    this.#turns.push(turn);
    line({ part: 'repositories', ...turn });
  }

  /** Markdown. */
  tables(): string {
    const tables = [turnsTable(this.#turns), figuresTable(this.#figures)];
    return tables
      .filter(({ lines }) => lines.length > 0)
      .map(markdownOf)
      .join('\n');
  }
}

/** Six digits of what is no whole number: the others are noise. */
function line(value: object): void {
  const rounded = (_: string, each: unknown): unknown =>
    typeof each === 'number' && !Number.isInteger(each) ? Number(each.toPrecision(6)) : each;
  process.stdout.write(`${JSON.stringify(value, rounded)}\n`);
}

function figuresTable(figures: readonly Figure[]): Table {
  const lines = figures.map(({ part, what, value, unit, wanted }) => [
    part,
    what,
    `${numberText(value)} ${unit}`.trim(),
    wanted === undefined ? '–' : wantedText(value, unit, wanted),
  ]);
  return { title: 'neo serve', header: ['part', 'what', 'figure', 'wanted'], lines };
}

function wantedText(value: number, unit: string, wanted: NonNullable<Figure['wanted']>): string {
  const [sign, bound] = 'most' in wanted ? ['≤', wanted.most] : ['≥', wanted.least];
  const isReached = 'most' in wanted ? value <= bound : value >= bound;
  return `${sign} ${`${numberText(bound)} ${unit}`.trim()}${isReached ? '' : ': not reached'}`;
}

function numberText(value: number): string {
  if (Number.isInteger(value) || value >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(value < 10 ? 2 : 1);
}

const NEO = 'neo';

function turnsTable(turns: readonly Turn[]): Table {
  const rivals = turns.filter(({ who }) => who !== NEO);
  const groups = Map.groupBy(rivals, ({ corpus, operation, who }) => `${corpus}: ${operation} | ${who}`);
  const lines = [...groups.values()].map((own) => {
    const pairs = own.flatMap((rival) => {
      const mine = turns.find((turn) => turn.who === NEO && isSame(turn, rival));
      return mine === undefined ? [] : [{ mine, rival }];
    });
    const of = (figure: (turn: Turn) => number): [mine: number, rival: number] => [
      ratioOf(pairs.map(({ mine }) => figure(mine)))?.median ?? 0,
      ratioOf(pairs.map(({ rival }) => figure(rival)))?.median ?? 0,
    ];
    const both = (figure: (turn: Turn) => number, text: (value: number) => string): string =>
      of(figure).map(text).join(' / ');
    const [first] = own;
    return [
      `${first?.corpus}: ${first?.operation}`,
      first?.who ?? '',
      ratioText(ratioOf(pairs.map(({ mine, rival }) => rival.seconds / mine.seconds))),
      both(({ seconds }) => seconds, timeText),
      both(({ cpu }) => cpu, timeText),
      both(({ serverCpu }) => serverCpu, timeText),
      both(({ peak = 0 }) => peak, mib),
      both(({ serverPeak }) => serverPeak, mib),
    ];
  });
  const header = [
    'what',
    'restic by',
    'neo: times as fast',
    'seconds: neo / restic',
    'CPU s, client',
    'CPU s, server',
    'peak MiB, client',
    'peak MiB, server',
  ];
  return { title: 'neo by neo serve, and restic by others', header, lines };
}

function isSame(one: Turn, other: Turn): boolean {
  return one.corpus === other.corpus && one.operation === other.operation && one.round === other.round;
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}
