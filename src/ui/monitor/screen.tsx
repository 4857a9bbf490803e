/** One frame of the monitor: title, panes, ledger and replicas, totals, and the bar of keys. */
import { Box, Text } from 'ink';
import type { ReactNode } from 'react';
import { formatBytes, formatCount, formatCounted } from '../../core/format.ts';
import { KEY_BAR, KEYS } from './keys.ts';
import type { Line } from './lines.ts';
import { standingLines } from './standing.ts';
import { heightOf, isPaused, type MonitorState, PANES, type PaneName, rateOf, seen } from './state.ts';

/** Lines that are none of the panes': title, a title for each of them, totals, keys. */
export const FRAME_LINES: number = 3 + PANES.length;

export interface ScreenLook {
  readonly state: MonitorState;
  readonly title: string;
  readonly width: number;
  readonly isColored: boolean;
}

export function Screen({ state, title, width, isColored }: ScreenLook): ReactNode {
  const pane = (name: PaneName): ReactNode => <PaneView key={name} state={state} name={name} isColored={isColored} />;
  return (
    <Box flexDirection="column" width={width} height={state.height + FRAME_LINES}>
      <Row text={`${title}${state.away === undefined ? '' : ` · ${state.away}`}`} isBold />
      {state.isHelp ? <Help /> : PANES.map(pane)}
      <Box flexGrow={1} />
      {state.isHelp ? null : <StandingView state={state} width={width} isColored={isColored} />}
      <Row text={totalsOf(state)} isDim />
      <Row text={KEY_BAR} isInverse />
    </Box>
  );
}

interface RowLook {
  readonly text: string;
  readonly color?: 'red' | 'yellow' | undefined;
  readonly isBold?: boolean;
  readonly isDim?: boolean;
  readonly isInverse?: boolean;
}

function Row({ text, color, isBold = false, isDim = false, isInverse = false }: RowLook): ReactNode {
  return (
    <Box height={1} flexShrink={0}>
      <Text
        bold={isBold}
        dimColor={isDim}
        inverse={isInverse}
        wrap="truncate-end"
        {...(color === undefined ? {} : { color })}
      >
        {text === '' ? ' ' : text}
      </Text>
    </Box>
  );
}

function Help(): ReactNode {
  const width = Math.max(...KEYS.map(([keys]) => keys.length)) + 2;
  return KEYS.map(([keys, what]) => <Row key={keys} text={`  ${keys.padEnd(width)}${what}`} />);
}

const COLORS: Readonly<Record<Line['look'], RowLook['color']>> = {
  plain: undefined,
  dim: undefined,
  warning: 'yellow',
  error: 'red',
};

interface PaneLook {
  readonly state: MonitorState;
  readonly name: PaneName;
  readonly isColored: boolean;
}

function PaneView({ state, name, isColored }: PaneLook): ReactNode {
  const isChosen = state.chosen === name;
  return (
    <Box flexDirection="column" height={heightOf(state, name) + 1} flexShrink={0}>
      <Row text={paneTitle(state, name)} isBold={isChosen} isDim={!isChosen} />
      {seen(state, name).map(({ id, text, look }) => (
        <Row
          key={id}
          text={text}
          isDim={look === 'dim'}
          isBold={look === 'error'}
          color={isColored ? COLORS[look] : undefined}
        />
      ))}
    </Box>
  );
}

function StandingView({ state, width, isColored }: Omit<ScreenLook, 'title'>): ReactNode {
  return standingLines(state.standing, state.height, width).map(({ text, look }) => (
    <Row
      key={text}
      text={text}
      isDim={look === 'dim'}
      isBold={look === 'error'}
      color={isColored ? COLORS[look] : undefined}
    />
  ));
}

function paneTitle(state: MonitorState, name: PaneName): string {
  const { lines, frozen, back } = state.panes[name];
  // Those that came since; of more than are kept nobody knows how many.
  const last = frozen?.at(-1)?.id ?? -1;
  const more = frozen === undefined ? 0 : lines.filter(({ id }) => id > last).length;
  const words = [
    `${state.chosen === name ? '▸' : ' '} ${name}`,
    isPaused(state) ? `paused, ${more} more` : '',
    back > 0 ? `${back} back` : '',
  ];
  return words.filter((word) => word !== '').join(' · ');
}

function totalsOf(state: MonitorState): string {
  const { objects, bytes } = rateOf(state);
  const { stored, removed, counts, requestRate } = state;
  const words = [
    `${objects.toFixed(1)} objects/s ${formatBytes(bytes)}/s`,
    `${formatCounted(stored.objects, 'object')} ${formatBytes(stored.bytes)}`,
    removed === 0 ? '' : `${formatCount(removed)} removed`,
    counts === undefined ? '' : formatCounted(counts.connections, 'connection'),
    requestRate === undefined ? '' : `${requestRate.toFixed(1)} requests/s`,
  ];
  return words.filter((word) => word !== '').join(' · ');
}
