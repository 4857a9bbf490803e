/** Ledger and replicas as `neo monitor` shows them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ReplicaNow, standingHeight, standingLines } from '../../src/ui/monitor/standing.ts';
import {
  type Happening,
  heightOf,
  initialState,
  type MonitorState,
  PANES,
  reduce,
  seen,
} from '../../src/ui/monitor/state.ts';

const TIME = '2026-12-01T12:00:00.000Z';
/** Rows that the panes share on a screen of 24. */
const HEIGHT = 19;
const ledger = (seconds: number, entries: number, witnessed: number | null = null, key = 'aa'): Happening => ({
  type: 'ledger',
  ledger: { at: seconds * 1_000, key, entries, witnessed },
});
const munich: ReplicaNow = {
  ...{ name: 'munich', state: 'sending', queued: 1_204, lag: 83_000, error: null },
  ...{ sentObjects: 812, sentBytes: 5 << 20, witnessed: 4_711 },
};
const replicas = (...all: Partial<ReplicaNow>[]): Happening => ({
  type: 'replicas',
  replicas: all.map((each) => ({ ...munich, ...each })),
});
const away: Happening = { type: 'away', message: 'cut', time: TIME };

const played = (...happenings: readonly Happening[]): MonitorState => happenings.reduce(reduce, initialState(HEIGHT));
const shown = ({ standing, height }: MonitorState, width = 80): string[] =>
  standingLines(standing, height, width).map(({ text }) => text);

describe('the ledger', () => {
  it('is told with how it has grown, and how much of it is signed', () => {
    expect(shown(played())).toEqual([]);
    expect(shown(played(ledger(0, 1)))).toEqual(['  ledger 1 entry · +0 since start · 0/min']);
    const later = played(ledger(0, 4_700), ledger(2, 4_712, 4_711));
    expect(shown(later)).toEqual(['  ledger 4,712 entries · +12 since start · 12/min · 4,711 signed by replicas']);
  });

  it('has a rate over the last minute', () => {
    const each = Array.from({ length: 91 }, (_, n) => ledger(2 * n, n < 61 ? 2 * n : 120));
    // An entry a second for two minutes, then none.
    expect(shown(played(...each.slice(0, 61)))[0]).toContain('120 entries · +120 since start · 60/min');
    expect(shown(played(...each.slice(0, 76)))[0]).toContain('+120 since start · 30/min');
    const last = played(...each);
    expect(shown(last)[0]).toContain('+120 since start · 0/min');
    expect(last.standing.minute).toHaveLength(31);
  });

  it('begins anew when it is another one, or was brought back', () => {
    const one = [ledger(0, 10), ledger(2, 15)];
    expect(shown(played(...one, ledger(4, 20, null, 'bb')))[0]).toContain('20 entries · +0 since start · 0/min');
    expect(shown(played(...one, ledger(4, 5), ledger(6, 6)))[0]).toContain('6 entries · +1 since start · 1/min');
  });

  it('is not known while the server is away, and counts on afterwards', () => {
    const gone = played(ledger(0, 10), replicas({}), away);
    expect(shown(gone)).toEqual([]);
    expect(shown([{ type: 'on' as const, time: TIME }, ledger(9, 13)].reduce(reduce, gone))[0]).toContain('+3 since');
  });
});

describe('replicas', () => {
  it('are a short table on a narrow screen, and a longer one on a wide one', () => {
    const state = played(ledger(0, 5), replicas({}, { name: 'berlin', state: 'waiting', queued: 0, lag: undefined }));
    expect(shown(state).slice(1)).toEqual([
      '  replica  state    queued   lag  problem',
      '  munich   sending   1,204  1:23',
      '  berlin   waiting       0',
    ]);
    expect(shown(state, 200).slice(1)).toEqual([
      '  replica  state    queued   lag  objects sent     sent  signed  problem',
      '  munich   sending   1,204  1:23           812  5.0 MiB   4,711',
      '  berlin   waiting       0                 812  5.0 MiB   4,711',
    ]);
    // A server of an older neo knows none, nor does one that has none.
    expect(shown(played(ledger(0, 5)))).toHaveLength(1);
    expect(shown(played(ledger(0, 5), replicas()))).toHaveLength(1);
  });

  it('with which something is wrong are told, and first where there are too many', () => {
    const names = Array.from({ length: 9 }, (_, n) => ({ name: `site-${n}`, queued: 0, lag: undefined }));
    const wrong = { name: 'oslo', state: 'unreachable', error: 'ECONNREFUSED' };
    const state = played(ledger(0, 5), replicas(...names, wrong, { name: 'rome', state: 'refused', error: 'full' }));
    expect(shown(state).map((line) => line.trim().split(' ')[0])).toEqual([
      ...['ledger', 'replica', 'oslo', 'rome', 'site-0', 'and'],
    ]);
    expect(shown(state).at(-1)).toBe('  and 8 more');
    expect(shown(state)[2]).toMatch(/oslo +unreachable +1,204 +1:23 {2}ECONNREFUSED$/);
    expect(standingLines(state.standing, HEIGHT, 80).map(({ look }) => look)).toEqual([
      ...['plain', 'dim', 'warning', 'error', 'plain', 'dim'],
    ]);
  });

  it('have nothing in them that a terminal would obey', () => {
    const nasty = 'a\u001b[31m\nb\u202e';
    for (const text of shown(played(ledger(0, 1), replicas({ name: nasty, state: nasty, error: nasty })), 200)) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
      expect(text).not.toMatch(/[\u0000-\u001f\u202e]/);
    }
  });
});

describe('the panes', () => {
  it('have what is left, and at least two thirds', () => {
    const happening: fc.Arbitrary<Happening> = fc.oneof(
      fc.record({ type: fc.constant('resize' as const), height: fc.integer({ min: -3, max: 60 }) }),
      fc.record({ type: fc.constantFrom('scroll' as const), by: fc.integer({ min: -50, max: 50 }) }),
      fc.tuple(fc.nat(9_999), fc.nat(99)).map(([at, entries]) => ledger(at, entries)),
      fc.nat(30).map((count) => replicas(...Array.from({ length: count }, () => ({})))),
      fc.nat(40).map((count): Happening => ({ type: 'told', log: logged(count), objects: [] })),
      fc.constant(away),
    );
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 40 }), (happenings) => {
        let state = initialState(HEIGHT);
        for (const each of happenings) {
          state = reduce(state, each);
          const { standing, height, panes } = state;
          const rows = standingHeight(standing, height);
          expect(shown(state)).toHaveLength(rows);
          expect(rows).toBeLessThanOrEqual(height / 3);
          expect(rows + PANES.reduce((sum, name) => sum + heightOf(state, name), 0)).toBe(height);
          expect(seen(state, 'log')).toHaveLength(Math.min(panes.log.lines.length, heightOf(state, 'log')));
        }
      }),
    );
  });
});

function logged(count: number) {
  return Array.from({ length: count }, (_, n) => ({ time: TIME, level: 'info', event: `e${n}`, detail: {} }));
}
