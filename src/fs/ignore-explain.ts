/** Why a path is left out or kept: the walk's own decisions, taken along one path. */
import type { PathDecision } from './ignore-filter.ts';
import { KEPT } from './ignore-filter.ts';
import type { EntryType } from './ignore-list.ts';
import { fromLatin1, toLatin1 } from './ignore-pattern.ts';
import type { DirectoryContent, IgnoreRules } from './ignore-rules.ts';

/** What is asked: a path at or below a source of the snapshot, both absolute. */
export interface ExplainQuestion {
  readonly source: Uint8Array;
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
 */
export function explain(
  rules: IgnoreRules,
  question: ExplainQuestion,
  look: (directory: Uint8Array) => DirectoryContent,
): PathDecision {
  const source = toLatin1(question.source).replace(/\/+$/, '');
  const below = toLatin1(question.path).slice(source.length);
  const names = below.split('/').filter((name) => name !== '');
  const sourceType = names.length === 0 ? question.type : 'directory';
  const first = source === '' ? KEPT : rules.decideSource(question.source, sourceType, question.size);
  if (first.ignored || names.length === 0) return { ...first, at: question.source };
  let path = source;
  let scope = rules.enterSource(question.source, look(question.source));
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
