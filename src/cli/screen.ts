/** Whether a program may draw: what it is typed into, and prints to, is a terminal that can move its cursor. */
export function isScreen(): boolean {
  return process.stdin.isTTY && process.stdout.isTTY && process.env['TERM'] !== 'dumb';
}
