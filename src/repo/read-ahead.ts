/** Objects that are read several at a time, and before their turn. */

/** Small objects that are read at a time: each is a way to storage and back. */
export const READ_AT_ONCE = 8;

/** Objects that are read, and verified in other threads, while one is being taken: small ones are a way there and back. */
const AHEAD = 2;
const MOST_AHEAD = 16;
/** Of more than {@link AHEAD}, as stored. */
const AHEAD_BYTES = 2 << 20;

/** Reads some ahead; takes them in their order. */
export async function inOrder<T, R>(
  from: readonly T[],
  sizeOf: (item: T) => number,
  read: (item: T) => Promise<R>,
  take: (result: R) => void,
): Promise<void> {
  const ahead: { readonly size: number; readonly reading: Promise<R> }[] = [];
  let bytes = 0;
  const isFull = (): boolean => ahead.length > MOST_AHEAD || (ahead.length > AHEAD && bytes > AHEAD_BYTES);
  const takeFirst = async (): Promise<void> => {
    const [first] = ahead.splice(0, 1);
    if (first === undefined) return;
    bytes -= first.size;
    take(await first.reading);
  };
  for (const item of from) {
    const reading = read(item);
    // Its failure is seen when its turn comes.
    reading.catch(() => undefined);
    const size = sizeOf(item);
    bytes += size;
    ahead.push({ size, reading });
    while (isFull()) await takeFirst();
  }
  while (ahead.length > 0) await takeFirst();
}
