import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LogEntry, logLine, type ObjectEntry, objectLine } from '../../src/ui/monitor/lines.ts';
import {
  type Happening,
  heightOf,
  initialState,
  isPaused,
  type MonitorState,
  PANES,
  rateOf,
  reduce,
  seen,
} from '../../src/ui/monitor/state.ts';

const TIME = '2026-11-01T12:00:00.000Z';
const log = (event: string, detail: LogEntry['detail'] = {}): LogEntry => ({
  time: TIME,
  level: 'info',
  event,
  detail,
});
const object = (n: number, more: Partial<ObjectEntry> = {}): ObjectEntry => ({
  ...{ time: TIME, account: 'ann', target: 'docs', action: 'put', path: `packs/00/${n}`, size: 10, by: 'ann@laptop' },
  ...more,
});
const told = (logged: number, stored: number): Happening => ({
  type: 'told',
  log: Array.from({ length: logged }, (_, n) => log(`e${n}`)),
  objects: Array.from({ length: stored }, (_, n) => object(n)),
});
const tick: Happening = { type: 'tick', time: TIME };

function played(state: MonitorState, ...happenings: readonly Happening[]): MonitorState {
  return happenings.reduce(reduce, state);
}

const texts = (state: MonitorState, name: (typeof PANES)[number]): string[] =>
  seen(state, name).map(({ text }) => text);
const last = (state: MonitorState, name: (typeof PANES)[number]): string => texts(state, name).at(-1) ?? '';

describe('the monitor', () => {
  it('follows what comes, in each pane its own', () => {
    const state = played(initialState(11), told(20, 20));
    expect([heightOf(state, 'log'), heightOf(state, 'objects')]).toEqual([5, 6]);
    expect(texts(state, 'log')).toHaveLength(5);
    expect(last(state, 'log')).toMatch(/^\d\d:\d\d:\d\d info {4}e19$/);
    expect(last(state, 'objects')).toMatch(/put +10 B {2}ann\/docs {2}packs\/00\/19 {2}ann@laptop$/);
  });

  it('leaves what is read where it is while more comes, until the end is asked for', () => {
    const back = played(initialState(10), told(30, 30), { type: 'scroll', by: -4 });
    expect(last(back, 'log')).toContain('e25');
    const more = played(back, told(3, 3));
    expect(last(more, 'log')).toContain('e25');
    // The other pane goes on.
    expect(last(more, 'objects')).toContain('packs/00/2 ');
    expect(last(played(more, { type: 'last' }), 'log')).toContain('e2');
    expect(texts(played(more, { type: 'first' }), 'log')[0]).toContain('e0');
    const other = played(more, { type: 'pane' }, { type: 'page', by: -1 });
    expect(other.chosen).toBe('objects');
    expect(last(other, 'log')).toContain('e25');
    expect(played(other, { type: 'pane' }).chosen).toBe('log');
  });

  it('stands still while it is paused, and then shows what came', () => {
    const paused = played(initialState(10), told(10, 10), { type: 'pause' });
    const later = played(paused, told(700, 700), tick);
    expect(isPaused(later)).toBe(true);
    for (const name of PANES) expect(texts(later, name)).toEqual(texts(paused, name));
    expect(texts(played(later, { type: 'scroll', by: -2 }), 'log').at(-1)).toContain('e7');
    const on = played(later, { type: 'scroll', by: -2 }, { type: 'pause' });
    expect(isPaused(on)).toBe(false);
    expect(last(on, 'log')).toContain('put ann/docs ann@laptop: 710 objects');
    expect(last(on, 'objects')).toContain('packs/00/699');
  });

  it('keeps a thousand lines of each', () => {
    const state = Array.from({ length: 30 }, () => told(100, 100)).reduce(reduce, initialState(10));
    expect(PANES.map((name) => state.panes[name].lines.length)).toEqual([1_000, 1_000]);
    expect(new Set(state.panes.log.lines.map(({ id }) => id)).size).toBe(1_000);
  });

  it('sums up each second what was stored, and tells rates and totals', () => {
    const first = played(
      initialState(40),
      { type: 'told', log: [], objects: [object(1), object(2, { size: 90 }), object(3, { action: 'remove' })] },
      tick,
    );
    expect(texts(first, 'log').map((text) => text.slice(9).trim())).toEqual([
      'put ann/docs ann@laptop: 2 objects, 100 B',
      'remove ann/docs ann@laptop: 1 object, 10 B',
    ]);
    expect([first.stored, first.removed, rateOf(first)]).toEqual([
      { objects: 2, bytes: 100 },
      1,
      { objects: 2, bytes: 100 },
    ]);
    const later = played(first, tick, tick, tick, tick);
    expect(rateOf(later)).toEqual({ objects: 0.4, bytes: 20 });
    expect(texts(later, 'log')).toHaveLength(2);
    expect(rateOf(played(later, tick))).toEqual({ objects: 0, bytes: 0 });
  });

  it('counts requests by the time between two looks, and none over a new start of the server', () => {
    const counts = (at: number, requests: number): Happening => ({
      type: 'counts',
      counts: { at, requests, connections: 3 },
    });
    const one = played(initialState(10), counts(1_000, 50));
    expect(one.requestRate).toBeUndefined();
    expect(played(one, counts(6_000, 100)).requestRate).toBe(10);
    expect(played(one, counts(6_000, 20)).requestRate).toBeUndefined();
    const away = played(one, { type: 'away', message: 'cut', time: TIME });
    expect([away.counts, away.away]).toEqual([undefined, 'cut']);
    expect(last(away, 'log')).toContain('cut; trying again');
    const again = played(away, { type: 'on', time: TIME });
    expect([again.away, last(again, 'log').slice(-15)]).toEqual([undefined, 'connected again']);
    expect(texts(played(one, { type: 'on', time: TIME }), 'log')).toEqual([]);
  });

  it('says how much it could not read', () => {
    const state = played(initialState(10), { type: 'unread', count: 70, time: TIME });
    expect(last(state, 'log')).toContain('70 were left out');
  });

  it('closes the help with any key, and ends with q alone', () => {
    const help = played(initialState(10), told(30, 0), { type: 'help' });
    expect(help.isHelp).toBe(true);
    const closed = played(help, { type: 'scroll', by: -1 });
    expect([closed.isHelp, closed.panes.log.back]).toEqual([false, 0]);
    expect([closed.isOver, played(help, { type: 'quit' }).isOver]).toEqual([false, true]);
  });

  it('never shows more than fits, nor less than there is, whatever happens', () => {
    const happening: fc.Arbitrary<Happening> = fc.oneof(
      fc.record({ type: fc.constantFrom('scroll' as const, 'page' as const), by: fc.integer({ min: -50, max: 50 }) }),
      fc.record({ type: fc.constantFrom('first' as const, 'last' as const, 'pane' as const, 'pause' as const) }),
      fc.record({ type: fc.constant('resize' as const), height: fc.integer({ min: -3, max: 60 }) }),
      fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 40 })).map(([a, b]) => told(a, b)),
      fc.constant(tick),
    );
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 60 }), (happenings) => {
        let state = initialState(20);
        for (const each of happenings) {
          state = reduce(state, each);
          for (const name of PANES) {
            const { lines, frozen, back } = state.panes[name];
            const all = frozen ?? lines;
            expect(back).toBeGreaterThanOrEqual(0);
            expect(seen(state, name)).toHaveLength(Math.min(all.length, heightOf(state, name)));
          }
        }
      }),
    );
  });
});

describe('lines', () => {
  it('have nothing in them that a terminal would obey, and are one line', () => {
    const nasty = 'a\u001b[31m\nb\u202e';
    for (const { text } of [
      logLine({ time: nasty, level: nasty, event: nasty, detail: { [nasty]: nasty } }),
      objectLine(object(1, { path: nasty, by: nasty, account: nasty, target: nasty })),
    ]) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
      expect(text).not.toMatch(/[\u0000-\u001f\u202e]/);
    }
  });

  it('show the beginning of a hash, and of a detail each member', () => {
    expect(objectLine(object(1, { path: `packs/ab/${'ab'.repeat(32)}`, size: 16 << 20 })).text).toContain(
      'put      16.0 MiB  ann/docs  packs/ab/abababab…  ann@laptop',
    );
    const { text } = logLine({
      ...log('change', { account: 'ann', detail: { name: 'my docs', quota: null, n: 3 } }),
      level: 'warning',
    });
    expect(text.slice(9)).toBe('warning change account=ann name="my docs" n=3');
  });
});
