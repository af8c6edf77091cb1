/** What our other packages and the tests take beyond what is promised to others; it may change in any release. */
export { cosineSimilarities } from './cut/affinity-graph.ts';
export { bipartition } from './cut/bipartition.ts';
export { crfIterations, cutlerCrfKernels, stegoCrfKernels } from './crf/crf-settings.ts';
export { areaOf, componentAt, fillHoles, maskIou, resizeNearest } from './grid-mask.ts';
export { workingImage } from './working-image.ts';
