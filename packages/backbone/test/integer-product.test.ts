import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { exactIntegerProduct, productsSaturate } from '../src/vit/integer-product.ts';

/** Instructions of an x86 processor, where the operating system tells them. */
const flags =
  process.arch === 'x64' && existsSync('/proc/cpuinfo')
    ? /^flags\s*:(.*)$/mu.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]
    : undefined;

describe('productsSaturate', () => {
  it('finds the product of bytes exact on every processor', async () => {
    expect(await productsSaturate('u8u8')).toBe(false);
  });

  it.skipIf(flags === undefined)(
    'finds the signed product saturated exactly where no instruction adds four',
    async () => {
      expect(await productsSaturate('u8s8')).toBe(!/\b(?:avx512_vnni|avx_vnni|amx_int8)\b/u.test(flags!));
    },
  );
});

describe('exactIntegerProduct', () => {
  it('probes once and takes the signed product where it is exact', async () => {
    const found = exactIntegerProduct();
    expect(exactIntegerProduct()).toBe(found);
    expect(await found).toBe((await productsSaturate('u8s8')) ? 'u8u8' : 'u8s8');
  });
});
