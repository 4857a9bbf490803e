import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type BrowserState,
  type Content,
  type Happening,
  initialState,
  type Page,
  reduce,
  seen,
} from '../../src/ui/browser/state.ts';

const page = (title: string): Page => ({ title, load: async () => list(3) });
const list = (length: number): Content => ({
  type: 'list',
  columns: [{ title: 'NAME', isWide: true }],
  rows: Array.from({ length }, (_, n) => ({ cells: [`${n}`], ...(n % 2 === 0 ? { open: () => page(`p${n}`) } : {}) })),
});

function played(state: BrowserState, ...happenings: readonly Happening[]): BrowserState {
  return happenings.reduce(reduce, state);
}

const loaded = (id: number, content: Content): Happening => ({ type: 'loaded', id, content });
const titles = ({ stack }: BrowserState): string[] => stack.map(({ page: { title } }) => title);

function demandInSight(state: BrowserState): void {
  const shown = seen(state);
  if (shown?.content?.type !== 'list') return;
  const { cursor, top, content } = shown;
  expect(cursor).toBeGreaterThanOrEqual(0);
  expect(cursor).toBeLessThan(Math.max(1, content.rows.length));
  expect(top).toBeLessThanOrEqual(cursor);
  expect(cursor).toBeLessThan(top + state.height);
}

describe('the browser', () => {
  it('opens what is chosen and comes back to where it was', () => {
    const start = played(initialState([page('all')], 10), loaded(0, list(5)), { type: 'move', by: 2 });
    const opened = played(start, { type: 'open' });
    expect(titles(opened)).toEqual(['all', 'p2']);
    expect(seen(opened)?.content).toBeUndefined();
    expect(played(opened, { type: 'back' })).toEqual({ ...start, nextId: opened.nextId });
  });

  it('stays where there is nothing to open and nothing to go back to', () => {
    const start = played(initialState([page('all')], 10), { type: 'open' }, loaded(0, list(5)), {
      type: 'move',
      by: 1,
    });
    expect(played(start, { type: 'open' })).toBe(start);
    expect(played(start, { type: 'back' })).toBe(start);
    expect(seen(played(start, loaded(0, list(0)), { type: 'first' }, { type: 'open' }))?.cursor).toBe(0);
  });

  it('gives what was read late to the page that asked for it', () => {
    const two = played(initialState([page('all')], 10), loaded(0, list(5)), { type: 'open' });
    const gone = played(two, { type: 'back' });
    expect(played(gone, loaded(1, list(9)))).toEqual(gone);
    const again = played(gone, { type: 'open' });
    expect(seen(played(again, loaded(1, list(9))))?.content).toBeUndefined();
    const failed = played(again, { type: 'failed', id: 2, message: 'cannot be read' });
    expect(seen(failed)?.failure).toBe('cannot be read');
  });

  it('closes the help with any key', () => {
    const help = played(initialState([page('all')], 10), loaded(0, list(5)), { type: 'help' });
    expect(help.isHelp).toBe(true);
    expect(played(help, { type: 'back' }).isHelp).toBe(false);
    expect(seen(played(help, { type: 'move', by: 1 }))?.cursor).toBe(0);
  });

  it('shows the end of a text as the last screen', () => {
    const text: Content = { type: 'text', lines: Array.from({ length: 100 }, (_, n) => `${n}`) };
    const state = played(initialState([page('a')], 9), loaded(0, text), { type: 'last' });
    expect(seen(state)?.cursor).toBe(90);
    expect(seen(played(state, { type: 'page', by: -1 }))?.cursor).toBe(82);
    const short: Content = { type: 'text', lines: ['one'] };
    expect(seen(played(state, loaded(0, short), { type: 'last' }))?.cursor).toBe(0);
  });

  it('always shows the chosen row, whatever is pressed and however the window is resized', () => {
    const happening: fc.Arbitrary<Happening> = fc.oneof(
      fc.record({ type: fc.constantFrom('move' as const, 'page' as const), by: fc.integer({ min: -30, max: 30 }) }),
      fc.record({ type: fc.constantFrom('first' as const, 'last' as const, 'open' as const, 'back' as const) }),
      fc.record({ type: fc.constant('resize' as const), height: fc.integer({ min: -3, max: 60 }) }),
      fc
        .record({ id: fc.integer({ min: 0, max: 6 }), length: fc.integer({ min: 0, max: 100 }) })
        .map(({ id, length }) => loaded(id, list(length))),
    );
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 60 }), (happenings) => {
        let state = initialState([page('all')], 20);
        for (const each of happenings) {
          // A page is read once.
          const isAgain = each.type === 'loaded' && state.stack.some(({ id, content }) => id === each.id && content);
          if (!isAgain) state = reduce(state, each);
          demandInSight(state);
        }
      }),
    );
  });
});
