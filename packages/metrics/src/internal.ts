/** What our other packages and the tests take beyond what is promised to others; it may change in any release. */
export { accumulateMatches } from './coco/coco-accumulate.ts';
export { withoutCategories } from './coco/coco-tables.ts';
export { matchInstances } from './coco/coco-match.ts';
export { maskedInstances, type MaskedInstances } from './coco/masked-instances.ts';
export { maskAt, packMasks, presentRows } from './coco/run-table.ts';
export { labelBoundary } from './semantic/label-boundary.ts';
export { scoreConfusion } from './semantic/confusion-scores.ts';
export { classIndex } from './classes/class-list.ts';
export { cocoStuffFineToCoarse } from './classes/classes-cocostuff27.ts';
export { u2segPanopticIds, u2segStuffId, u2segStuffNames, u2segStuffTable } from './classes/classes-u2seg.ts';
export { describeMapping } from './matching/cluster-mapping.ts';
export { DataHash, imageDigest } from './data-hash.ts';
export { errorKinds } from './coco/error-kinds.ts';
