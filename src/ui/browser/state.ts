/**
 * What the browser shows, as a pure function of what happened: a stack of pages, of which the last one is seen. Nothing
 * here draws, reads or waits.
 */

/** A page that is not read yet. */
export interface Page {
  readonly title: string;
  /** Called once, when the page is opened. */
  readonly load: (signal: AbortSignal) => Promise<Content>;
}

export interface Row {
  /** As the columns of the list say. */
  readonly cells: readonly string[];
  readonly isDim?: boolean;
  /** What Enter opens. */
  readonly open?: () => Page;
}

export type Content =
  | {
      readonly type: 'list';
      readonly columns: readonly Column[];
      readonly rows: readonly Row[];
      readonly note?: string;
    }
  | { readonly type: 'text'; readonly lines: readonly string[]; readonly note?: string };

export interface Column {
  readonly title: string;
  readonly isNumber?: boolean;
  /** Takes what the others leave. One of a list. */
  readonly isWide?: boolean;
}

export interface Opened {
  /** Unique in a run. */
  readonly id: number;
  readonly page: Page;
  readonly content: Content | undefined;
  readonly failure: string | undefined;
  /** Of a list: the chosen row. Of a text: the first line that is seen. */
  readonly cursor: number;
  /** Of a list: the first row that is seen. */
  readonly top: number;
}

export interface BrowserState {
  /** Never empty. */
  readonly stack: readonly Opened[];
  /** Rows of the page that fit on the screen. */
  readonly height: number;
  readonly isHelp: boolean;
  readonly isOver: boolean;
  readonly nextId: number;
}

/** What keys do to the page that is seen. */
type KeyHappening =
  | { readonly type: 'move'; readonly by: number }
  /** In screens. */
  | { readonly type: 'page'; readonly by: number }
  | { readonly type: 'first' | 'last' | 'open' | 'back' };

export type Happening =
  | KeyHappening
  | { readonly type: 'help' | 'quit' }
  | { readonly type: 'resize'; readonly height: number }
  | { readonly type: 'loaded'; readonly id: number; readonly content: Content }
  | { readonly type: 'failed'; readonly id: number; readonly message: string };

/** @param pages the last one is seen first; Back leads to those before it */
export function initialState(pages: readonly Page[], height: number): BrowserState {
  const stack = pages.map((page, id) => opened(page, id));
  return { stack, height: Math.max(1, height), isHelp: false, isOver: false, nextId: stack.length };
}

function opened(page: Page, id: number): Opened {
  return { id, page, content: undefined, failure: undefined, cursor: 0, top: 0 };
}

export function seen({ stack }: BrowserState): Opened | undefined {
  return stack.at(-1);
}

export function reduce(state: BrowserState, happening: Happening): BrowserState {
  switch (happening.type) {
    case 'quit':
      return { ...state, isOver: true };
    case 'help':
      return { ...state, isHelp: !state.isHelp };
    case 'resize':
      return onSeen({ ...state, height: Math.max(1, happening.height) }, (page) => page.cursor);
    case 'loaded':
      return onPage(state, happening.id, (page) => ({ ...page, content: happening.content }));
    case 'failed':
      return onPage(state, happening.id, (page) => ({ ...page, failure: happening.message }));
    default:
      // Any key closes the help.
      return state.isHelp ? { ...state, isHelp: false } : onKey(state, happening);
  }
}

function onKey(state: BrowserState, happening: KeyHappening): BrowserState {
  switch (happening.type) {
    case 'move':
      return onSeen(state, ({ cursor }) => cursor + happening.by);
    case 'page':
      return onSeen(state, ({ cursor }) => cursor + happening.by * Math.max(1, state.height - 1));
    case 'first':
      return onSeen(state, () => 0);
    case 'last':
      return onSeen(state, () => Number.MAX_SAFE_INTEGER);
    case 'open':
      return open(state);
    case 'back':
      return state.stack.length < 2 ? state : uncover(state);
  }
}

function open(state: BrowserState): BrowserState {
  const page = seen(state);
  if (page?.content?.type !== 'list') return state;
  const next = page.content.rows[page.cursor]?.open?.();
  if (next === undefined) return state;
  return { ...state, stack: [...state.stack, opened(next, state.nextId)], nextId: state.nextId + 1 };
}

/** The window may have another height by now. */
function uncover(state: BrowserState): BrowserState {
  return onSeen({ ...state, stack: state.stack.slice(0, -1) }, ({ cursor }) => cursor);
}

function onPage(state: BrowserState, id: number, change: (page: Opened) => Opened): BrowserState {
  return { ...state, stack: state.stack.map((page) => (page.id === id ? change(page) : page)) };
}

/** Moves the cursor of the page that is seen, and as much of the list as that takes. */
function onSeen(state: BrowserState, cursorOf: (page: Opened) => number): BrowserState {
  const page = seen(state);
  if (page === undefined) return state;
  const cursor = Math.min(Math.max(0, cursorOf(page)), Math.max(0, lastCursor(page, state.height)));
  const top = Math.min(Math.max(page.top, cursor - state.height + 1), cursor);
  return onPage(state, page.id, (old) => ({ ...old, cursor, top }));
}

function lastCursor({ content }: Opened, height: number): number {
  if (content === undefined) return 0;
  return content.type === 'list' ? content.rows.length - 1 : content.lines.length - height - 1;
}
