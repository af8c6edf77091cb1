export {
  affinityBits,
  affinityFromEdges,
  affinityFromUpperPanels,
  edgeCounts,
  hasEdge,
  paintOut,
  unitRows,
  type AffinityGraph,
  type AffinityOptions,
  type GramMatmul,
} from './cut/affinity-graph.ts';
export type { Bipartition } from './cut/bipartition.ts';
export type { BilateralKernel, CrfKernel, CrfNormalization, GaussianKernel } from './crf/crf-settings.ts';
export {
  DenseCrf,
  denseCrfDefaults,
  type CrfForeground,
  type CrfInferOptions,
  type CrfMarginals,
  type DenseCrfOptions,
} from './crf/dense-crf.ts';
export type { CrfThreads } from './crf/crf-kernels.ts';
export {
  maskCut,
  maskCutDefaults,
  type GridCut,
  type MaskCutOptions,
  type MaskCutResult,
  type MaskCutStop,
} from './cut/maskcut.ts';
export {
  maskCutReference,
  maskCutReferenceDefaults,
  type MaskCutReferenceOptions,
  type ReferenceCut,
} from './cut/maskcut-reference.ts';
export { MaskCutPool, type MaskCutPoolOptions, type PooledOptions } from './maskcut-pool.ts';
export { defaultProposalScore, shapeOf, type ProposalDetails, type ProposalScorer } from './proposal-score.ts';
export { defaultObjectScore, type ObjectEvidence, type ObjectScorer } from './objects/object-score.ts';
export {
  proposeObjects,
  proposeObjectsDefaults,
  type ContourMap,
  type ObjectProposal,
  type ProposeObjectsOptions,
} from './objects/propose-objects.ts';
export type { MergeWeights } from './objects/region-tree.ts';
export {
  finishProposals,
  proposeMasks,
  proposeMasksDefaults,
  type ProposeMasksOptions,
  type ScoredProposal,
} from './propose-masks.ts';
export {
  referenceAnnotations,
  type ReferenceAnnotation,
  type ReferenceAnnotationOptions,
  type ReferenceMask,
  type ResizeGray,
} from './reference-annotations.ts';
export {
  eigenvectorDefaults,
  lanczos,
  secondEigenvector,
  type AffinityOperator,
  type EigenvectorOptions,
  type SecondEigenvector,
} from './cut/second-eigenvector.ts';
export { tokenCut, tokenCutDefaults, type TokenCutOptions, type TokenCutResult } from './cut/tokencut.ts';
