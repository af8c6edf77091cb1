import { describe, expect, it } from 'vitest';
import { clusterColor } from '../src/index.ts';
import { oklchToHex } from '../src/colors.ts';

type Triple = readonly [number, number, number];

/** Simulated sight without one kind of cone, severity 1, on linear RGB (Machado, Oliveira and Fernandes, 2009). */
const sights: Readonly<Record<string, readonly Triple[]>> = {
  usual: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
};

function oklabOf(color: string, sight: readonly Triple[]): Triple {
  const rgb = [1, 3, 5].map((at) => {
    const v = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  });
  const [r, g, b] = sight.map((row) =>
    Math.min(1, Math.max(0, row[0] * rgb[0]! + row[1] * rgb[1]! + row[2] * rgb[2]!)),
  ) as [number, number, number];
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function smallestDistance(colors: readonly string[], sight: readonly Triple[]): number {
  const points = colors.map((color) => oklabOf(color, sight));
  return Math.min(
    ...points.flatMap((p, i) => points.slice(i + 1).map((q) => Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]))),
  );
}

describe('clusterColor', () => {
  it('is a fixed #rrggbb for every id', () => {
    expect([0, 1, 6].map((id) => clusterColor(id, true))).toEqual(['#e69f00', '#56b4e9', '#cc79a7']);
    expect(clusterColor(0, false)).toBe('#77aadd');
    for (let id = 0; id < 3000; id += 1) {
      expect(clusterColor(id, true)).toMatch(/^#[0-9a-f]{6}$/);
      expect(clusterColor(id, false)).toMatch(/^#[0-9a-f]{6}$/);
    }
  });

  it.each(Object.entries(sights))('tells the first clusters apart in %s sight', (_, sight) => {
    const ids = Array.from({ length: 7 }, (_, i) => i);
    // 0.02 in Oklab is about a just noticeable difference
    expect(
      smallestDistance(
        ids.map((id) => clusterColor(id, true)),
        sight,
      ),
    ).toBeGreaterThan(0.06);
    expect(
      smallestDistance(
        ids.map((id) => clusterColor(id, false)),
        sight,
      ),
    ).toBeGreaterThan(0.025);
  });

  it('tells neighbouring ids apart in every sight, however large', () => {
    for (let id = 0; id < 500; id += 1) {
      for (const isThing of [true, false]) {
        const pair = [clusterColor(id, isThing), clusterColor(id + 1, isThing)];
        for (const sight of Object.values(sights))
          expect(smallestDistance(pair, sight), pair.join(' ')).toBeGreaterThan(0.025);
      }
    }
  });
});

describe('oklchToHex', () => {
  it('knows black, white and sRGB red', () => {
    expect(oklchToHex(0, 0, 0)).toBe('#000000');
    expect(oklchToHex(1, 0, 0)).toBe('#ffffff');
    expect(oklchToHex(0.627955, 0.257683, 29.2339)).toBe('#ff0000');
  });
});
