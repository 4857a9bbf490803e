/** Pages on a terminal, one over the other, until the user leaves: the screen of `neo browse`. */
import { render, useApp, useInput, useWindowSize } from 'ink';
import { type ReactNode, useEffect, useReducer } from 'react';
import { displayText } from '../core/bytes.ts';
import { messageOf, NeoError } from '../core/errors.ts';
import { happeningsOf } from './browser/keys.ts';
import { FRAME_LINES, Screen } from './browser/screen.tsx';
import { initialState, type Page, reduce, seen } from './browser/state.ts';

/**
 * @param pages the last one is seen first; Back leads to those before it
 * @throws NeoError interrupted after Ctrl-C; the screen is as it was before
 */
export async function browsePages(pages: readonly Page[]): Promise<void> {
  const app = render(<Browser pages={pages} />, { alternateScreen: true, interactive: true, exitOnCtrlC: false });
  await app.waitUntilExit();
}

function Browser({ pages }: { readonly pages: readonly Page[] }): ReactNode {
  const { exit } = useApp();
  const { columns, rows } = useWindowSize();
  const height = rows - FRAME_LINES;
  const [state, happen] = useReducer(reduce, undefined, () => initialState(pages, height));
  const current = seen(state);

  useInput((input, key) => {
    if (key.ctrl && input === 'c') exit(new NeoError('interrupted', 'interrupted'));
    for (const happening of happeningsOf(input, key)) happen(happening);
  });

  useEffect(() => happen({ type: 'resize', height }), [height]);

  useEffect(() => {
    if (state.isOver) exit();
  }, [state.isOver, exit]);

  const wanted = current?.content === undefined && current?.failure === undefined ? current : undefined;
  const id = wanted?.id;
  const load = wanted?.page.load;
  useEffect(() => {
    if (id === undefined || load === undefined) return;
    // Whoever goes back does not wait for what he had opened.
    const leaving = new AbortController();
    load(leaving.signal).then(
      (content) => happen({ type: 'loaded', id, content }),
      (error: unknown) => happen({ type: 'failed', id, message: displayText(messageOf(error)) }),
    );
    return () => leaving.abort();
  }, [id, load]);

  return <Screen state={state} width={columns} />;
}
