/**
 * How often each pair of labels occurs: [256, 256] counts, first map's label x second map's label.
 *
 * Reads four pixels of each map at once: inside a region both words repeat, which costs one comparison per four pixels.
 *
 * @param pairs - [256, 256] room for the counts, overwritten; saves the allocation
 */
export function countLabelPairs(
  first: Uint8Array,
  second: Uint8Array,
  pairs: Uint32Array = new Uint32Array(256 * 256),
): Uint32Array {
  pairs.fill(0);
  const n = first.length;
  const aligned = first.byteOffset % 4 === 0 && second.byteOffset % 4 === 0;
  const words = aligned ? n >> 2 : 0;
  const a = new Uint32Array(first.buffer, aligned ? first.byteOffset : 0, words);
  const b = new Uint32Array(second.buffer, aligned ? second.byteOffset : 0, words);
  for (let i = 0; i < words;) {
    const wa = a[i]!;
    const wb = b[i]!;
    if (wa === Math.imul(wa & 255, 0x01010101) >>> 0 && wb === Math.imul(wb & 255, 0x01010101) >>> 0) {
      const from = i;
      i += 1;
      while (i + 3 < words) {
        const other = (a[i]! ^ wa) | (a[i + 1]! ^ wa) | (a[i + 2]! ^ wa) | (a[i + 3]! ^ wa);
        if ((other | (b[i]! ^ wb) | (b[i + 1]! ^ wb) | (b[i + 2]! ^ wb) | (b[i + 3]! ^ wb)) !== 0) break;
        i += 4;
      }
      while (i < words && a[i] === wa && b[i] === wb) i += 1;
      pairs[(wa & 255) * 256 + (wb & 255)]! += 4 * (i - from);
      continue;
    }
    pairs[(wa & 255) * 256 + (wb & 255)]! += 1;
    pairs[((wa >>> 8) & 255) * 256 + ((wb >>> 8) & 255)]! += 1;
    pairs[((wa >>> 16) & 255) * 256 + ((wb >>> 16) & 255)]! += 1;
    pairs[(wa >>> 24) * 256 + (wb >>> 24)]! += 1;
    i += 1;
  }
  for (let i = 4 * words; i < n; i += 1) pairs[first[i]! * 256 + second[i]!]! += 1;
  return pairs;
}
