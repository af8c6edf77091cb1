import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { RgbImage } from '@u2seg/core';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeImage, encodeJpeg, encodePng, readImageHeader } from '@u2seg/datasets';
import { tempFolder } from './temp-folder.ts';

const folder = tempFolder();

/** A 4 x 6 gradient: every pixel differs. */
function gradient(height = 4, width = 6): RgbImage {
  const data = new Uint8Array(height * width * 3);
  for (let i = 0; i < height * width; i += 1) {
    data.set([(i * 9) % 256, (255 - i * 7) & 255, (i * 31) % 256], i * 3);
  }
  return { data, height, width };
}

const raw = ({ data, height, width }: RgbImage) => sharp(data, { raw: { width, height, channels: 3 } });

const pixel = (image: RgbImage, y: number, x: number) => [
  ...image.data.subarray((y * image.width + x) * 3, (y * image.width + x) * 3 + 3),
];

async function failure(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  return promise.then(
    () => ({ code: 'none', message: 'it did not fail' }),
    (error: { code: string; message: string }) => ({ code: error.code, message: error.message }),
  );
}

describe('decodeImage', () => {
  it('gives back what encodePng stored, from bytes and from a path with spaces, emoji and a newline', async () => {
    const image = gradient();
    const bytes = await encodePng(image);
    const path = join(folder, 'a b\n🦊.png');
    writeFileSync(path, bytes);
    expect(await decodeImage(bytes)).toEqual(image);
    expect(await decodeImage(path)).toEqual(image);
    expect(await decodeImage(await encodePng(gradient(1, 1)))).toEqual(gradient(1, 1));
  });

  it('turns a photo upright for all eight EXIF orientations', async () => {
    const image = gradient(4, 6);
    const corners = [image, 0, 0] as const;
    const topLeft: Record<number, readonly [number, number]> = {
      1: [0, 0],
      2: [0, 5],
      3: [3, 5],
      4: [3, 0],
      5: [0, 0],
      6: [3, 0],
      7: [3, 5],
      8: [0, 5],
    };
    for (let orientation = 1; orientation <= 8; orientation += 1) {
      const bytes = await raw(corners[0]).withMetadata({ orientation }).png().toBuffer();
      const upright = await decodeImage(bytes, { profile: 'ignore' });
      const turned = orientation >= 5;
      expect([upright.height, upright.width]).toEqual(turned ? [6, 4] : [4, 6]);
      expect(await readImageHeader(bytes)).toMatchObject(turned ? { height: 6, width: 4 } : { height: 4, width: 6 });
      const [y, x] = topLeft[orientation]!;
      expect(pixel(upright, 0, 0)).toEqual(pixel(image, y, x));
    }
  });

  it('reads grey, 16 bit, palette, alpha, CMYK and the first frame of an animation as 8-bit RGB', async () => {
    const grey = await sharp(Uint8Array.of(0, 128, 255, 7), { raw: { width: 2, height: 2, channels: 1 } })
      .png()
      .toBuffer();
    expect([...(await decodeImage(grey)).data]).toEqual([0, 0, 0, 128, 128, 128, 255, 255, 255, 7, 7, 7]);

    const wide = await sharp(Uint16Array.of(0, 0x8000, 0xffff, 0x1234, 0x0100, 0xff00), {
      raw: { width: 2, height: 1, channels: 3 },
    })
      .toColourspace('rgb16')
      .png()
      .toBuffer();
    expect((await sharp(wide).metadata()).depth).toBe('ushort');
    expect([...(await decodeImage(wide)).data]).toEqual([0, 128, 255, 18, 1, 255]);

    const wideGrey = await sharp(Uint16Array.of(0, 0xffff), { raw: { width: 2, height: 1, channels: 1 } })
      .toColourspace('grey16')
      .png()
      .toBuffer();
    expect([...(await decodeImage(wideGrey)).data]).toEqual([0, 0, 0, 255, 255, 255]);

    const palette = await raw(gradient(2, 2)).png({ palette: true, colours: 16 }).toBuffer();
    expect(await decodeImage(palette)).toMatchObject({ height: 2, width: 2 });

    const alpha = await sharp(Uint8Array.of(10, 20, 30, 255, 10, 20, 30, 0), {
      raw: { width: 2, height: 1, channels: 4 },
    })
      .png()
      .toBuffer();
    expect([...(await decodeImage(alpha)).data]).toEqual([10, 20, 30, 255, 255, 255]);
    expect([...(await decodeImage(alpha, { background: [0, 9, 0] })).data]).toEqual([10, 20, 30, 0, 9, 0]);

    const cmyk = await raw({ data: new Uint8Array(300).fill(255), height: 10, width: 10 })
      .toColourspace('cmyk')
      .jpeg()
      .toBuffer();
    expect((await sharp(cmyk).metadata()).space).toBe('cmyk');
    const white = await decodeImage(cmyk, { profile: 'ignore' });
    expect(white.data.length).toBe(300);
    expect(Math.min(...white.data)).toBeGreaterThan(245);

    const red = { create: { width: 8, height: 8, channels: 3, background: { r: 250, g: 0, b: 0 } } } as const;
    const blue = { create: { width: 8, height: 8, channels: 3, background: { r: 0, g: 0, b: 250 } } } as const;
    const gif = await sharp([await sharp(red).png().toBuffer(), await sharp(blue).png().toBuffer()], {
      join: { animated: true },
    })
      .gif()
      .toBuffer();
    expect(await readImageHeader(gif)).toEqual({ format: 'gif', height: 8, width: 8, frames: 2 });
    const frame = await decodeImage(gif);
    expect([frame.height, frame.width, ...pixel(frame, 0, 0)]).toEqual([8, 8, 250, 0, 0]);
  });

  it('takes the stored numbers of a wide-gamut photo, or converts them when told', async () => {
    const bytes = await sharp({ create: { width: 8, height: 8, channels: 3, background: { r: 230, g: 40, b: 30 } } })
      .withIccProfile('p3')
      .png()
      .toBuffer();
    const stored = await sharp(bytes, { ignoreIcc: true }).raw().toBuffer();
    expect(pixel(await decodeImage(bytes), 0, 0)).toEqual([...stored.subarray(0, 3)]);
    const [r, g, b] = pixel(await decodeImage(bytes, { profile: 'apply' }), 0, 0);
    expect(Math.max(Math.abs(r! - 230), Math.abs(g! - 40), Math.abs(b! - 30))).toBeLessThan(4);
    expect(Math.abs(stored[0]! - 230)).toBeGreaterThan(4);
  });

  it('shrinks while decoding, never enlarges', async () => {
    const bytes = await encodeJpeg(gradient(100, 200), { quality: 80 });
    expect(await decodeImage(bytes, { maxSide: 50 })).toMatchObject({ height: 25, width: 50 });
    expect(await decodeImage(bytes, { maxSide: 500 })).toMatchObject({ height: 100, width: 200 });
  });

  it('names what is wrong with a file', async () => {
    const write = (name: string, content: Uint8Array | string) => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    const strip = (text: string) => text.replaceAll(folder, '…');
    const of = async (source: string | Uint8Array) => {
      const { code, message } = await failure(decodeImage(source));
      return `${code}: ${strip(message)}`;
    };
    expect(await of(write('zero.jpg', ''))).toMatchInlineSnapshot(
      `"bad-format: decodeImage: "…/zero.jpg" is empty (0 bytes)."`,
    );
    expect(await of(write('text.jpg', 'this is no photo at all'))).toMatchInlineSnapshot(
      `"bad-format: decodeImage: "…/text.jpg" is not an image, or its header is damaged: Input buffer contains unsupported image format."`,
    );
    expect(await of(join(folder, 'absent.jpg'))).toMatchInlineSnapshot(
      `"not-found: decodeImage: cannot read "…/absent.jpg": no such file."`,
    );
    mkdirSync(join(folder, 'folder.jpg'));
    expect(await of(join(folder, 'folder.jpg'))).toMatchInlineSnapshot(
      `"bad-format: decodeImage: cannot read "…/folder.jpg": it is a folder, not a file."`,
    );
    expect(
      await of(write('drawing.png', '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>')),
    ).toMatchInlineSnapshot(
      `"unsupported: decodeImage: "…/drawing.png" is SVG or XML; wanted jpeg, png, webp, gif, tiff, avif. Convert it first."`,
    );
    expect(await of(write('old.jpg', `BM${'\0'.repeat(60)}`))).toMatch(/^unsupported: .* is BMP; wanted/u);
    expect(await of(new Uint8Array(0))).toBe('bad-format: decodeImage: <bytes> is empty (0 bytes).');
  });

  it('fails on truncated and on corrupt data instead of returning a half-grey image', async () => {
    const noisy = gradient(64, 64);
    for (let i = 0; i < noisy.data.length; i += 1) noisy.data[i] = (i * 2654435761) >>> 24;
    const jpeg = await encodeJpeg(noisy);
    const png = await encodePng(noisy);
    for (const bytes of [jpeg, png]) {
      for (const share of [0.01, 0.3, 0.7, 0.98]) {
        const cut = await failure(decodeImage(bytes.slice(0, Math.floor(bytes.length * share))));
        expect(cut.code).toBe('bad-format');
      }
    }
    const encoders = {
      progressive: raw(noisy).jpeg({ progressive: true }),
      webp: raw(noisy).webp(),
      gif: raw(noisy).gif(),
      tiff: raw(noisy).tiff({ compression: 'lzw' }),
      avif: raw(noisy).avif(),
    };
    for (const [format, encoder] of Object.entries(encoders)) {
      const bytes = await encoder.toBuffer();
      for (const share of [0.3, 0.6, 0.98]) {
        const cut = await failure(decodeImage(bytes.subarray(0, Math.floor(bytes.length * share))));
        expect(`${format} ${share} ${cut.code}`).toBe(`${format} ${share} bad-format`);
      }
    }
    const damagedPng = png.slice();
    damagedPng.fill(0, png.length >> 1, (png.length >> 1) + 40);
    expect((await failure(decodeImage(damagedPng))).code).toBe('bad-format');
    const damagedJpeg = jpeg.slice();
    for (let i = jpeg.length >> 1; i < (jpeg.length >> 1) + 60; i += 1) damagedJpeg[i] = 0xff;
    expect((await failure(decodeImage(damagedJpeg))).message).toContain('is damaged');
  });

  it('forgives stray bytes between JPEG segments, which lose no pixel', async () => {
    const jpeg = await encodeJpeg(gradient(16, 16));
    const stray = Buffer.concat([jpeg.subarray(0, 2), Uint8Array.of(0, 0, 0), jpeg.subarray(2)]);
    expect(await decodeImage(stray)).toEqual(await decodeImage(jpeg));
  });

  it('refuses 20,000 x 20,000 pixels by the header alone and names the option', async () => {
    const bytes = Buffer.from(await encodePng(gradient(1, 1)));
    bytes.writeUInt32BE(20_000, 16);
    bytes.writeUInt32BE(20_000, 20);
    bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
    const started = performance.now();
    const { code, message } = await failure(decodeImage(bytes));
    expect(performance.now() - started).toBeLessThan(1000);
    expect(code).toBe('out-of-range');
    expect(message).toMatchInlineSnapshot(
      `"decodeImage: <bytes> has 20000 x 20000 pixels (400 MP), more than the limit of 100 MP; raise maxPixels to decode it (it needs 1200 MB)."`,
    );
  });

  it('refuses a named pipe instead of waiting for it', async () => {
    const pipe = join(folder, 'pipe.jpg');
    execFileSync('mkfifo', [pipe]);
    expect((await failure(decodeImage(pipe))).message).toContain('it is not a regular file');
  });
});
