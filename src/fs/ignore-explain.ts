/** Why a path is left out or kept: the walk's own decisions, taken along one path. */
import { NeoError } from '../core/errors.ts';
import type { PathDecision } from './ignore-filter.ts';
import { KEPT } from './ignore-filter.ts';
import type { EntryType } from './ignore-list.ts';
import { fromLatin1, toLatin1 } from './ignore-pattern.ts';
import type { DirectoryContent, IgnoreRules } from './ignore-rules.ts';

/** What is asked: a path at or below a source of the snapshot, both absolute. */
export interface ExplainQuestion {
  readonly source: Uint8Array;
  /** False when the source was written as `.`, `..` or `/`: its name is then not looked at. Default true. */
  readonly named?: boolean;
  readonly path: Uint8Array;
  /** `other` for a path that does not exist. */
  readonly type: EntryType;
  /** Of a regular file. */
  readonly size?: number;
}

/**
 * The decision on a path. When a directory above it was left out, `at` names that directory and `rule` the rule for it.
 * The path need not exist.
 * @param look the content of a directory on the way (no names when it does not exist)
 * @throws NeoError usage when the path is not below the source
 */
export function explain(
  rules: IgnoreRules,
  question: ExplainQuestion,
  look: (directory: Uint8Array) => DirectoryContent,
): PathDecision {
  const { named = true } = question;
  const source = toLatin1(question.source).replace(/\/+$/, '');
  const names = namesBelow(source, toLatin1(question.path));
  const sourceType = names.length === 0 ? question.type : 'directory';
  const first = named && source !== '' ? rules.decideSource(question.source, sourceType, question.size) : KEPT;
  if (first.ignored || names.length === 0) return { ...first, at: question.source };
  let path = source;
  let scope = rules.enterSource(question.source, look(question.source), named);
  for (const name of names.slice(0, -1)) {
    path += `/${name}`;
    const at = fromLatin1(path);
    const decision = scope.decide(fromLatin1(name), 'directory');
    if (decision.ignored) return { ...decision, at };
    scope = scope.enter(fromLatin1(name), look(at));
  }
  const last = fromLatin1(names.at(-1) ?? '');
  return { ...scope.decide(last, question.type, question.size), at: question.path };
}

function namesBelow(source: string, path: string): string[] {
  if (path !== source && !path.startsWith(`${source}/`)) {
    throw new NeoError('usage', 'the path does not lie below the source');
  }
  return path
    .slice(source.length)
    .split('/')
    .filter((name) => name !== '');
}
