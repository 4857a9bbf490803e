/** Keys as people and programs see them, and the page that a recovery key is printed on. */

/** Times in milliseconds since 1970; expires 0 = never. */
interface KeyInfo {
  readonly id: string;
  readonly label: string;
  readonly role: string;
  readonly method: string;
  readonly created: number;
  readonly expires: number;
  readonly current: boolean;
  readonly whole: boolean;
}

const DATE_LENGTH = 10;

function isoDate(time: number): string {
  return new Date(time).toISOString();
}

export function keyRow(key: KeyInfo): string[] {
  const expires = key.expires === 0 ? 'never' : isoDate(key.expires).slice(0, DATE_LENGTH);
  const method = key.method === 'key' ? 'key file' : key.method;
  const created = isoDate(key.created).slice(0, DATE_LENGTH);
  return [
    `${key.current ? '*' : ''}${key.whole ? '' : '!'}`,
    key.id.slice(0, 8),
    key.label,
    key.role,
    method,
    created,
    expires,
  ];
}

export function keyBody(key: KeyInfo): { readonly [member: string]: unknown } {
  const { id, label, role, method, created, expires, current, whole } = key;
  const times = { created: isoDate(created), expires: expires === 0 ? null : isoDate(expires) };
  return { id, label, role, method, ...times, current, whole };
}

/**
 * The page to print. Explanations stand on lines that begin with `#`, and hold no word of five letters: whoever looks
 * only for groups of five finds the key alone.
 */
export function paperPage(repository: string, id: string, created: number, lines: readonly string[]): string {
  return [
    '# Recovery key of a backup made by neo',
    '#',
    `# repository ${repository}`,
    `# key slot   ${id}`,
    `# made on    ${isoDate(created).slice(0, DATE_LENGTH)}`,
    '#',
    '# Whoever holds this page can read the whole backup. Keep it on paper, in a',
    '# safe place, and not in a file that is itself in the backup.',
    '#',
    '# To use it, type the eleven numbered lines into a text file and say',
    '#   neo key import --paper FILE --repo LOCATION --out KEYFILE',
    '# or leave FILE away and type them at the terminal. Capitals or not is all one.',
    '# The two signs at the end of a line tell whether that line was typed well.',
    '',
    ...lines,
    '',
  ].join('\n');
}
