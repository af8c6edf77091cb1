import { rleFromString, type Segment } from '@u2seg/core';
import { readLabelPng, readPanopticPng } from '@u2seg/datasets';
import { golden } from '@u2seg/testing';
import { describe, expect, it } from 'vitest';
import { mergePanoptic, pseudoCategories, segmentInfos } from '@u2seg/self-train';

interface Info {
  readonly id: number;
  readonly category_id: number;
  readonly bbox: [number, number, number, number];
  readonly area: number;
  readonly segmentation: { readonly size: [number, number]; readonly counts: string };
}

const folder = golden('merge');

describe.skipIf(folder === undefined)('golden merge', async () => {
  if (folder === undefined) return;
  const categories = folder.json<{ isthing: number }[]>('categories_out.json');
  const things = categories.filter((category) => category.isthing === 1).length;
  const { annotations: entries } = folder.json<{ annotations: Record<string, { segments_info: Info[] }> }>(
    'instances_in.json',
  );
  const expected = folder.json<{ annotations: { image_id: number; file_name: string; segments_info: Info[] }[] }>(
    'panoptic_out.json',
  );
  const semantics = folder.tensors('stego_in.safetensors');
  const cases = folder.json<{ image_id: number; what: string }[]>('cases.json');

  it('names the categories of the reference', () => {
    expect(pseudoCategories(things, categories.length - things)).toEqual(categories);
  });

  // Ids run through the images, so the labels are made in order before any of them is checked.
  let firstSegmentId = 1;
  for (const { image_id: image, file_name: file, segments_info: wanted } of expected.annotations) {
    const what = cases.find((entry) => entry.image_id === image)?.what ?? '';
    const instances: Segment[] = entries[image]!.segments_info.map((info) => ({
      mask: rleFromString(...info.segmentation.size, info.segmentation.counts),
      bboxXywh: info.bbox,
      area: info.area,
      score: 1,
      clusterId: info.category_id - 1,
    }));
    const key = [...semantics.keys()].find((name) => name.includes(String(image)))!;
    const semantic = semantics.get(key)!;
    const [height, width] = semantic.shape as [number, number];
    const label = mergePanoptic(instances, semantic.data as Int16Array, height, width, {
      stuffClusters: categories.length - things,
      firstSegmentId,
    });
    firstSegmentId = label.nextSegmentId;

    it(`image ${image}: ${what}`, async () => {
      const map = await readPanopticPng(folder.file(`pan_${file}`));
      const stuff = await readLabelPng(folder.file(`stuff_${file}`));
      expect(segmentInfos(label, instances, things, { extent: 'reference' })).toEqual(wanted);
      expect(label.ids).toEqual(Uint32Array.from(map.ids));
      expect(label.semantic).toEqual(Uint8Array.from(stuff.labels));
    });
  }
});
