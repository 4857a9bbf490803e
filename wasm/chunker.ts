/**
 * The chunker's inner loop (AssemblyScript). The definition, in words, stands in src/chunker/chunker.ts; the slow
 * reference that says the same is src/chunker/fastcdc.ts. Built by wasm/build.mjs into wasm/build/chunker.wasm.
 *
 * Two bytes a step, as in FastCDC 2020 (Xia et al., IEEE TPDS 31(9), §3.6): with h the gear value of byte p−1,
 *   (h << 2) + 2·G[b(p)]            is twice the value of byte p, so its mask is shifted by one,
 *   (h << 2) + 2·G[b(p)] + G[b(p+1)] is the value of byte p+1.
 * Doubling loses bit 63 and nothing else, and the mask leaves bit 63 out: the cuts are those of one byte a step.
 */

/** Bits 52 to 62. */
const WEAK_MASK: u64 = 0x7ff0_0000_0000_0000;
/** A gear value depends on this many bytes. */
const WINDOW: usize = 64;
/** The bits of the decision from this one on, 14, are how many bytes behind its candidate a cut falls. */
const SHIFT: u32 = 18;

/** 256 values of 64 bits, then the same values doubled. */
const GEAR: usize = memory.data(2048, 16);
const GEAR_DOUBLED: usize = memory.data(2048, 16);
/** The input begins at the first free byte. */
const BUFFER: usize = (__heap_base + 63) & ~63;

let min: usize = 0;
let average: usize = 0;
let max: usize = 0;
let maskSmall: u32 = 0;
let maskLarge: u32 = 0;
let key0: u64 = 0;
let key1: u64 = 0;

/** The last window that SipHash saw, and its value: periodic data asks for the same one again and again. */
let seen0: u64 = 0;
let seen1: u64 = 0;
let seen2: u64 = 0;
let seen3: u64 = 0;
let seenHash: u32 = 0;

export function gear(): usize {
  return GEAR;
}

export function buffer(): usize {
  return BUFFER;
}

/** Called once, after the gear table was written; the values were checked by the caller. */
export function setup(
  minimum: u32,
  averageLength: u32,
  maximum: u32,
  small: u32,
  large: u32,
  sip0: u64,
  sip1: u64,
): void {
  min = minimum;
  average = averageLength;
  max = maximum;
  maskSmall = small;
  maskLarge = large;
  key0 = sip0;
  key1 = sip1;
  for (let i: usize = 0; i < 2048; i += 8) store<u64>(GEAR_DOUBLED + i, load<u64>(GEAR + i) << 1);
  seen0 = seen1 = seen2 = seen3 = 0;
  seenHash = sipHash(0, 0, 0, 0);
}

/** `cut` of the Chunker contract; offsets count from the buffer's start. */
export function cut(from: u32, to: u32, final: bool): u32 {
  const start: usize = BUFFER + from;
  const available: usize = to - from;
  const length = available < max ? available : max;
  if (length >= min) {
    const end = start + length;
    // The first position of at least the average length: from here on the large mask rules.
    const middle = start + average - 1;
    let p = scan(start + min - 1, middle < end ? middle : end, maskSmall);
    if (p == middle) p = scan(middle, end, maskLarge);
    let whole = max;
    if (p < end) {
      const shifted = p - start + 1 + (decision(p) >> SHIFT);
      if (shifted < max) whole = shifted;
    }
    if (whole <= available) return <u32>whole;
  }
  return final ? <u32>available : 0;
}

/**
 * The first accepted candidate from `first` to before `end`, or `end`. The 63 bytes before `first` are read too. Four
 * steps of two bytes are written out: measured half as fast again as one a turn.
 */
function scan(first: usize, end: usize, mask: u32): usize {
  let h: u64 = 0;
  for (let p = first - (WINDOW - 1); p < first; p++) h = (h << 1) + gearOf(load<u8>(p));
  let p = first;
  for (const eights = end - ((end - first) & 7); p < eights; p += 8) {
    h = (h << 2) + doubledOf(load<u8>(p));
    if ((h & (WEAK_MASK << 1)) == 0 && accepted(p, mask)) return p;
    h += gearOf(load<u8>(p, 1));
    if ((h & WEAK_MASK) == 0 && accepted(p + 1, mask)) return p + 1;
    h = (h << 2) + doubledOf(load<u8>(p, 2));
    if ((h & (WEAK_MASK << 1)) == 0 && accepted(p + 2, mask)) return p + 2;
    h += gearOf(load<u8>(p, 3));
    if ((h & WEAK_MASK) == 0 && accepted(p + 3, mask)) return p + 3;
    h = (h << 2) + doubledOf(load<u8>(p, 4));
    if ((h & (WEAK_MASK << 1)) == 0 && accepted(p + 4, mask)) return p + 4;
    h += gearOf(load<u8>(p, 5));
    if ((h & WEAK_MASK) == 0 && accepted(p + 5, mask)) return p + 5;
    h = (h << 2) + doubledOf(load<u8>(p, 6));
    if ((h & (WEAK_MASK << 1)) == 0 && accepted(p + 6, mask)) return p + 6;
    h += gearOf(load<u8>(p, 7));
    if ((h & WEAK_MASK) == 0 && accepted(p + 7, mask)) return p + 7;
  }
  for (; p < end; p++) {
    h = (h << 1) + gearOf(load<u8>(p));
    if ((h & WEAK_MASK) == 0 && accepted(p, mask)) return p;
  }
  return end;
}

// @ts-ignore: decorator
@inline
function gearOf(byte: u8): u64 {
  return load<u64>(GEAR + ((<usize>byte) << 3));
}

// @ts-ignore: decorator
@inline
function doubledOf(byte: u8): u64 {
  return load<u64>(GEAR_DOUBLED + ((<usize>byte) << 3));
}

// @ts-ignore: decorator
@inline
function accepted(p: usize, mask: u32): bool {
  return (decision(p) & mask) == 0;
}

/** The low 32 bits of SipHash-2-4 of the 32 bytes that end with byte p. */
function decision(p: usize): u32 {
  const m0 = load<u64>(p - 31);
  const m1 = load<u64>(p - 23);
  const m2 = load<u64>(p - 15);
  const m3 = load<u64>(p - 7);
  if (m0 != seen0 || m1 != seen1 || m2 != seen2 || m3 != seen3) {
    seen0 = m0;
    seen1 = m1;
    seen2 = m2;
    seen3 = m3;
    seenHash = sipHash(m0, m1, m2, m3);
  }
  return seenHash;
}

let v0: u64 = 0;
let v1: u64 = 0;
let v2: u64 = 0;
let v3: u64 = 0;

/** SipHash-2-4 (Aumasson, Bernstein 2012, §2) of four little-endian words: a message of 32 bytes. */
function sipHash(m0: u64, m1: u64, m2: u64, m3: u64): u32 {
  v0 = key0 ^ 0x736f_6d65_7073_6575;
  v1 = key1 ^ 0x646f_7261_6e64_6f6d;
  v2 = key0 ^ 0x6c79_6765_6e65_7261;
  v3 = key1 ^ 0x7465_6462_7974_6573;
  compress(m0);
  compress(m1);
  compress(m2);
  compress(m3);
  // The last block holds only the length in its top byte.
  compress(<u64>32 << 56);
  v2 ^= 0xff;
  round();
  round();
  round();
  round();
  return <u32>(v0 ^ v1 ^ v2 ^ v3);
}

function compress(word: u64): void {
  v3 ^= word;
  round();
  round();
  v0 ^= word;
}

function round(): void {
  v0 += v1;
  v1 = rotl<u64>(v1, 13) ^ v0;
  v0 = rotl<u64>(v0, 32);
  v2 += v3;
  v3 = rotl<u64>(v3, 16) ^ v2;
  v0 += v3;
  v3 = rotl<u64>(v3, 21) ^ v0;
  v2 += v1;
  v1 = rotl<u64>(v1, 17) ^ v2;
  v2 = rotl<u64>(v2, 32);
}
