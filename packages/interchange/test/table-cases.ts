/** Every kind of table with one row. */
import {
  embeddingsTable,
  featuresTable,
  imagesTable,
  instancesTable,
  predictionsTable,
  proposalsTable,
  segmentsTable,
  semanticsTable,
  skippedTable,
  type TableType,
} from '../src/index.ts';

const mask = {
  mask_height: 2,
  mask_width: 3,
  mask_rle: '0:',
  bbox_xywh: Float32Array.of(0, 0.5, 3, 2),
  area_px: 6,
  score: 0.25,
};
const photo = 'sub/ümlaut 🦊.jpg';
export const tableCases: readonly (readonly [TableType<never>, never])[] = [
  [imagesTable, { image_id: photo, path: photo, height: 2, width: 3, sha256: 'ab' }],
  [skippedTable, { path: photo, reason: 'it is empty' }],
  [
    featuresTable(2, 1, 'float16'),
    {
      image_id: photo,
      grid_h: 1,
      grid_w: 2,
      patch_size: 8,
      patches: Float32Array.of(1, -2, 0.5, 3),
      cls: Float32Array.of(7),
    },
  ],
  [embeddingsTable(2), { image_id: photo, proposal_id: 0, embedding: Float32Array.of(1, 2) }],
  [proposalsTable, { image_id: photo, proposal_id: 0, ...mask }],
  [instancesTable(2), { image_id: photo, instance_id: 0, ...mask, cluster_id: 4, embedding: Float32Array.of(1, 2) }],
  [semanticsTable, { image_id: photo, cluster_id: 26, mask_height: 2, mask_width: 3, mask_rle: '0:', area_px: 6 }],
  [segmentsTable, { image_id: photo, segment_id: 1, is_thing: true, cluster_id: 4, ...mask }],
  [predictionsTable, { image_id: photo, prediction_id: 0, cluster_id: 4, ...mask }],
] as never;
