import { type ParserError, parse } from 'parse5';
import { describe, expect, it } from 'vitest';
import { renderReport, type ReportInput, type ReportPhoto } from '../src/index.ts';
import { emptyReport, samplePhoto, sampleReport } from './sample-report.ts';

/** What an HTML parser has to say about the page; unclosed and misnested elements are among its errors. */
function parseErrors(page: string): string[] {
  const errors: ParserError[] = [];
  parse(page, { onParseError: (error) => errors.push(error), sourceCodeLocationInfo: true });
  return errors.map(({ code, startLine }) => `${code} at line ${startLine}`);
}

/** Element names opened and closed in the page, outside of the SVG's self-closed ones and HTML's void ones. */
function unbalanced(page: string): string[] {
  const text = page.replace(/<(script|style)>[\s\S]*?<\/\1>/g, '').replace(/<!doctype html>/, '');
  const open: string[] = [];
  const wrong: string[] = [];
  for (const [, slash, name, rest] of text.matchAll(/<(\/?)([a-z0-9]+)((?:[^>"]|"[^"]*")*)>/g)) {
    if (rest!.endsWith('/')) continue;
    if (slash === '') open.push(name!);
    else if (open.pop() !== name) wrong.push(name!);
  }
  return [...wrong, ...open];
}

const hostile = `<script>alert(1)</script>"'&\n\r\t\u0000\u0007\u202e\ud83d\ude00\ud800 --> ]]> </title></svg>`;

function hostileReport(): ReportInput {
  const photo = samplePhoto(3, { height: 48, width: 64 });
  const segment = { ...photo.prediction[0]!, label: hostile };
  return {
    ...emptyReport,
    title: hostile,
    createdAt: hostile,
    config: { [hostile]: hostile, list: [hostile, 1, null] },
    environment: [{ name: hostile, value: hostile, licence: hostile }],
    stages: [{ name: hostile, items: 1, detail: hostile }],
    photos: [{ ...photo, id: hostile, proposals: [segment], prediction: [segment] }],
    clusters: [{ clusterId: 0, isThing: true, size: 1, exemplars: [photo.image], matchedClass: hostile }],
    curves: [{ name: hostile, xLabel: hostile, series: [{ name: hostile, points: [[0, 1]] }] }],
    metrics: [{ title: hostile, protocol: hostile, columns: [hostile], rows: [[hostile]], note: hostile }],
    warnings: [hostile],
    skipped: [{ id: hostile, reason: hostile }],
  };
}

describe('renderReport', () => {
  it('is well-formed HTML for a whole report, an empty one and a hostile one', async () => {
    for (const input of [sampleReport(2), emptyReport, hostileReport()]) {
      const page = await renderReport(input);
      expect(parseErrors(page)).toEqual([]);
      expect(unbalanced(page.replace(/<(meta|link|input|img)\b((?:[^>"]|"[^"]*")*[^/])>/g, '<$1$2/>'))).toEqual([]);
    }
  });

  it('says how many proposals it does not draw', async () => {
    const photo = samplePhoto(3, { height: 48, width: 64 });
    const page = async (leftOut: number): Promise<string> =>
      renderReport({
        ...emptyReport,
        photos: [{ ...photo, proposals: photo.prediction.slice(0, 1), proposalsLeftOut: leftOut }],
      });
    expect(await page(0)).not.toContain('not drawn');
    expect(await page(31)).toContain('<summary>1 segment, 31 more not drawn</summary>');
  });

  it('gives the same bytes for the same input', async () => {
    expect(await renderReport(sampleReport(2))).toBe(await renderReport(sampleReport(2)));
  });

  it('lets no text become an element or end one', async () => {
    const page = await renderReport(hostileReport());
    expect(page).not.toContain('<script>alert');
    const scripts = [...page.matchAll(/<script(?: [^>]*)?>/g)].map(([tag]) => tag);
    expect(scripts).toEqual(['<script type="application/json" id="curve-data">', '<script>', '<script>']);
    expect(page.match(/<title>/g)!.length).toBe(page.match(/<\/title>/g)!.length);
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\u21b5');
  });

  it('refers to nothing outside of the page', async () => {
    const page = await renderReport(sampleReport(2));
    const addresses = [...page.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, address]) => address!);
    expect(addresses.length).toBeGreaterThan(20);
    expect(addresses.filter((address) => !address.startsWith('#') && !address.startsWith('data:'))).toEqual([]);
    expect(page).not.toMatch(/@import|url\(/);
    // style attributes and event attributes would be refused by the page's own policy
    expect(page.replace(/<(script|style)[\s\S]*?<\/\1>/g, '')).not.toMatch(/ (style|on[a-z]+)="/);
  });

  it('says what is missing when there is nothing to show', async () => {
    const page = await renderReport(emptyReport);
    expect(page).toContain('This report holds no photos.');
    expect(page).toContain('No metrics were computed.');
    expect(page).not.toContain('id="warnings"');
    expect(page).not.toContain('uPlot');
  });

  it('shows every column of a photo, and no ground truth where there is none', async () => {
    const { groundTruth: _, ...bare } = samplePhoto(1, { height: 48, width: 64 });
    const without = await renderReport({ ...emptyReport, photos: [bare] });
    expect(without).toContain('photos without-ground-truth');
    const mixed = await renderReport({ ...emptyReport, photos: [bare, { ...bare, groundTruth: [] }] });
    expect(mixed).not.toContain('photos without-ground-truth');
    expect(mixed).toContain('No ground truth');
    expect(mixed).toContain('No segments');
  });

  it('embeds each photo once', async () => {
    const page = await renderReport({ ...emptyReport, photos: [samplePhoto(1, { height: 48, width: 64 })] });
    expect(page.match(/data:image\/jpeg/g)!.length).toBe(1);
    expect(page.match(/<use href="#pixels-1"/g)!.length).toBe(4);
  });

  it('stops reading an async source one photo beyond the limit', async () => {
    let made = 0;
    let closed = false;
    const photo = samplePhoto(1, { height: 48, width: 64 });
    async function* source(): AsyncGenerator<ReportPhoto> {
      try {
        for (;;) {
          made += 1;
          yield { ...photo, id: `photo ${made}` };
        }
      } finally {
        closed = true;
      }
    }
    const page = await renderReport({ ...emptyReport, photos: source(), photosLeftOut: 5 }, { maxPhotos: 3 });
    expect([made, closed]).toEqual([4, true]);
    expect(page).toContain('3 photos shown, the most this page takes; others were left out. 5 more photos');
  });

  it('cuts huge labels instead of growing with them', async () => {
    const photo = samplePhoto(1, { height: 48, width: 64 });
    const label = '\ud83d\ude00'.repeat(200_000);
    const prediction = photo.prediction.map((segment) => ({ ...segment, label }));
    const page = await renderReport({ ...emptyReport, photos: [{ ...photo, id: 'x'.repeat(500_000), prediction }] });
    expect(page.length).toBeLessThan(100_000);
    expect(parseErrors(page)).toEqual([]);
  });

  it('refuses a mask of another size, an uneven table and a falling x, each by name', async () => {
    const photo = samplePhoto(1, { height: 48, width: 64 });
    const other = samplePhoto(1, { height: 64, width: 64 });
    await expect(
      renderReport({ ...emptyReport, photos: [{ ...photo, prediction: other.prediction }] }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: renderReport: photo "scene 1.png": prediction[0].mask must have the photo's size 48 x 64, got 64 x 64.]`,
    );
    await expect(
      renderReport({ ...emptyReport, metrics: [{ title: 'PQ', protocol: '', columns: ['a', 'b'], rows: [[1]] }] }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: renderReport: metrics "PQ": row 0 must have 2 values, got 1.]`,
    );
    const series = [
      {
        name: 's',
        points: [
          [1, 0],
          [0, 0],
        ] as const,
      },
    ];
    await expect(
      renderReport({ ...emptyReport, curves: [{ name: 'loss', xLabel: 'step', series }] }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: renderReport: curve "loss": series "s": points[1] must have an x that is finite and never falls, got 0.]`,
    );
    await expect(renderReport(emptyReport, { maxSide: 0 })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[U2SegError: renderReport: maxSide must be an integer in [16, 9007199254740991], got 0.]`,
    );
  });
});
