import { golden } from '@u2seg/testing';
import { describe, expect, it } from 'vitest';
import {
  bboxIouMatrix,
  decodeMask,
  encodeMask,
  rleArea,
  rleBbox,
  rleFromBbox,
  rleFromPolygon,
  rleFromPolygons,
  rleFromString,
  rleIouMatrix,
  rleMerge,
  rleToString,
  type BboxXywh,
  type Rle,
} from '@u2seg/core';

interface Coded {
  readonly size: readonly [number, number];
  readonly counts: string;
}
interface Uncompressed {
  readonly size: readonly [number, number];
  readonly counts: readonly number[];
}
interface RleApi {
  readonly decode_encode: readonly {
    area: number;
    bbox_xywh: BboxXywh;
    rle: Coded;
    uncompressed: Uncompressed;
    kind: string;
  }[];
  readonly frBbox: readonly { area: number; bbox_xywh: BboxXywh; h: number; w: number; rle: Coded }[];
  readonly frPoly: readonly {
    area: number;
    bbox_xywh: BboxXywh;
    h: number;
    w: number;
    merged_union: Coded;
    polygons: number[][];
    rles: Coded[];
  }[];
  readonly frUncompressed: readonly { area: number; in: Uncompressed; rle: Coded }[];
  readonly iou_box: { dt: BboxXywh[]; gt: BboxXywh[]; iou: number[][]; iscrowd: number[] };
  readonly iou_mask: { dt: Coded[]; gt: Coded[]; iou: number[][]; iscrowd: number[] };
  readonly merge: readonly ({ intersection: Coded; union: Coded } & (
    { a: Coded; b: Coded } | { many: Coded[]; intersection_of_first: number }
  ))[];
}

const folder = golden('coco-eval');
const read = (coded: Coded): Rle => rleFromString(coded.size[0], coded.size[1], coded.counts);
const plain = (raw: Uncompressed): Rle => ({
  height: raw.size[0],
  width: raw.size[1],
  counts: Uint32Array.from(raw.counts),
});

describe.skipIf(folder === undefined)('golden: run-length masks against the COCO API', () => {
  const api = folder?.json<RleApi>('rle_api.json') as RleApi;

  it('reads and writes the compressed string, encodes and decodes', () => {
    expect(api.decode_encode.length).toBeGreaterThan(0);
    for (const one of api.decode_encode) {
      const rle = read(one.rle);
      expect([...rle.counts]).toEqual(one.uncompressed.counts);
      expect(rleToString(rle)).toBe(one.rle.counts);
      expect([...encodeMask(decodeMask(rle)).counts]).toEqual(one.uncompressed.counts);
      expect(rleArea(rle)).toBe(one.area);
      expect(rleBbox(rle)).toEqual(one.bbox_xywh);
    }
  });

  it('fills polygons, alone and united', () => {
    for (const one of api.frPoly) {
      const masks = one.polygons.map((xy) => rleFromPolygon(xy, one.h, one.w));
      expect(masks.map(rleToString)).toEqual(one.rles.map((rle) => rle.counts));
      const union = rleFromPolygons(one.polygons, one.h, one.w);
      expect(rleToString(union)).toBe(one.merged_union.counts);
      expect(rleArea(union)).toBe(one.area);
      expect(rleBbox(union)).toEqual(one.bbox_xywh);
    }
  });

  it('fills boxes', () => {
    for (const one of api.frBbox) {
      const mask = rleFromBbox(one.bbox_xywh, one.h, one.w);
      expect(rleToString(mask)).toBe(one.rle.counts);
      expect(rleArea(mask)).toBe(one.area);
    }
  });

  it('takes uncompressed counts', () => {
    for (const one of api.frUncompressed) {
      expect(rleToString(plain(one.in))).toBe(one.rle.counts);
      expect(rleArea(plain(one.in))).toBe(one.area);
    }
  });

  it('intersects and unites', () => {
    for (const one of api.merge) {
      const masks = 'many' in one ? one.many.map(read) : [read(one.a), read(one.b)];
      const intersected = 'many' in one ? masks.slice(0, one.intersection_of_first) : masks;
      expect(rleToString(rleMerge(masks))).toBe(one.union.counts);
      expect(rleToString(rleMerge(intersected, { intersect: true }))).toBe(one.intersection.counts);
    }
  });

  it('computes IoU of boxes and masks, crowd included', () => {
    const { iou_box: box, iou_mask: mask } = api;
    const crowd = (flags: number[]): boolean[] => flags.map((flag) => flag === 1);
    expect([...bboxIouMatrix(box.dt, box.gt, crowd(box.iscrowd))]).toEqual(box.iou.flat());
    const masks = rleIouMatrix(mask.dt.map(read), mask.gt.map(read), crowd(mask.iscrowd));
    expect([...masks]).toEqual(mask.iou.flat());
  });
});
