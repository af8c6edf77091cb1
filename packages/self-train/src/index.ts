export { copyPasteRandom, type CopyPasteRandom } from './copy-paste/copy-paste-random.ts';
export { copyPaste, copyPasteDefaults, type CopyPasteOptions } from './copy-paste/copy-paste.ts';
export {
  mergeDefaults,
  mergePanoptic,
  semanticIgnore,
  type MergeOptions,
  type PaintOrder,
  type PanopticLabel,
  type PanopticSegment,
} from './merge/merge-panoptic.ts';
export {
  pseudoCategories,
  segmentInfos,
  type PseudoCategory,
  type SegmentInfo,
  type SegmentInfoOptions,
} from './merge/panoptic-annotation.ts';
export type { TrainingExample, TrainingSet } from './train/training-set.ts';
