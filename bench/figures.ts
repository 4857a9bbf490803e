/** From single measurements to the figures of a table: pure arithmetic. */

export interface Cost {
  readonly seconds: number;
  /** User and system. */
  readonly cpu: number;
}

export interface Sample extends Cost {
  readonly scene: string;
  readonly operation: string;
  readonly tool: string;
  /** Samples of one number were taken one after the other; only these are divided by one another. */
  readonly pair: number;
  /** Bytes. */
  readonly peak: number | undefined;
  /** Bytes that the repository grew by; of a limit: bytes that it went through. */
  readonly bytes?: number;
  /** What opening the repository cost just before, with the derivation of its key. */
  readonly opening?: Cost;
}

export interface Ratio {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** One tool at one operation. */
export interface Row {
  readonly scene: string;
  readonly operation: string;
  readonly tool: string;
  readonly runs: number;
  /** Medians. */
  readonly seconds: number;
  readonly cpu: number;
  readonly bytes: number | undefined;
  /** The most of all runs. */
  readonly peak: number | undefined;
  /** How many times as fast as the baseline. */
  readonly speed: Ratio | undefined;
  /** Parts of what the baseline needs. */
  readonly cpuShare: Ratio | undefined;
  readonly bytesShare: Ratio | undefined;
}

export interface Comparison {
  readonly baseline: string;
  /** These derive no key; so they are compared with the baseline less its opening. */
  readonly keyless: readonly string[];
}

/** @throws RangeError of nothing */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('no values');
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? 0;
  return (lower + upper) / 2;
}

/** Undefined of nothing. */
export function ratioOf(quotients: readonly number[]): Ratio | undefined {
  if (quotients.length === 0) return undefined;
  return { median: median(quotients), least: Math.min(...quotients), most: Math.max(...quotients) };
}

/** In the order in which scene, operation and tool first occur. */
export function rowsOf(samples: readonly Sample[], comparison: Comparison): Row[] {
  const groups = Map.groupBy(samples, ({ scene, operation, tool }) => JSON.stringify([scene, operation, tool]));
  return [...groups.values()].flatMap((own) => {
    const [first] = own;
    return first === undefined ? [] : [rowOf(first, own, pairsOf(own, samples, comparison))];
  });
}

interface Pair {
  readonly own: Sample;
  readonly base: Cost & Pick<Sample, 'bytes'>;
}

function rowOf({ scene, operation, tool }: Sample, own: readonly Sample[], pairs: readonly Pair[]): Row {
  const sizes = own.flatMap(({ bytes }) => bytes ?? []);
  const peaks = own.flatMap(({ peak }) => peak ?? []);
  return {
    scene,
    operation,
    tool,
    runs: own.length,
    seconds: median(own.map(({ seconds }) => seconds)),
    cpu: median(own.map(({ cpu }) => cpu)),
    bytes: sizes.length === 0 ? undefined : median(sizes),
    peak: peaks.length === 0 ? undefined : Math.max(...peaks),
    speed: ratioOf(pairs.flatMap(({ own, base }) => quotient(base.seconds, own.seconds))),
    cpuShare: ratioOf(pairs.flatMap(({ own, base }) => quotient(own.cpu, base.cpu))),
    bytesShare: ratioOf(pairs.flatMap(({ own, base }) => quotient(own.bytes, base.bytes))),
  };
}

function pairsOf(own: readonly Sample[], all: readonly Sample[], { baseline, keyless }: Comparison): Pair[] {
  return own.flatMap((sample) => {
    const base = all.find(
      ({ scene, operation, tool, pair }) =>
        tool === baseline && scene === sample.scene && operation === sample.operation && pair === sample.pair,
    );
    if (base === undefined) return [];
    return [{ own: sample, base: keyless.includes(sample.tool) ? withoutOpening(base) : base }];
  });
}

/** Not below nothing: of two short times the difference can be noise. */
function withoutOpening({ seconds, cpu, bytes, opening = { seconds: 0, cpu: 0 } }: Sample): Pair['base'] {
  const rest = { seconds: Math.max(0, seconds - opening.seconds), cpu: Math.max(0, cpu - opening.cpu) };
  return bytes === undefined ? rest : { ...rest, bytes };
}

/** What the difference of two equal times can be. */
const NOTHING = 1e-9;

/** None where there is nothing to divide, or nothing to divide by. */
function quotient(dividend: number | undefined, divisor: number | undefined): number[] {
  return dividend === undefined || divisor === undefined || divisor < NOTHING ? [] : [dividend / divisor];
}
