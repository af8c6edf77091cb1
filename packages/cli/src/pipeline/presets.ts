import type { PipelineConfig, PresetName } from './config.ts';

/** For two cores and photos of one's own: embedded backbone, small network. */
const tiny: PipelineConfig = {
  preset: 'tiny',
  seed: 0,
  photos: { recursive: true, maxPixels: 100_000_000, maxSide: 1024, limit: 0, colourProfile: 'ignore' },
  backbone: { name: 'embedded', size: 320, embedding: 'mask-mean' },
  proposals: { method: 'maskcut', tau: 0.3, maxMasks: 8, crf: true, secondsPerPhoto: 0 },
  clustering: { k: 10, engine: 'auto', mode: 'default', maxIterations: 100, redos: 3 },
  semantics: {
    method: 'stego',
    clusters: 27,
    preset: 'default-vit-small',
    steps: 400,
    batchSize: 8,
    codeDim: 70,
    maxGrid: 28,
    fiveCrop: false,
    crf: true,
    maxSide: 320,
  },
  merge: {
    order: 'bbox-area',
    minScore: 0,
    maxInstances: 12,
    minArea: 64,
    maxOverlapRatio: 0.9,
    maxStuffCoveredRatio: 0.7,
    minStuffArea: 64,
  },
  train: {
    preset: 'tiny',
    iterations: 1500,
    backend: 'auto',
    checkpointEvery: 50,
    shortestEdge: 192,
    maxSize: 320,
  },
  rounds: { count: 1, iterations: 150, minScores: [0.5], maxIou: 0.5, maxPredictions: 30 },
  predict: { minScore: 0.05, minPanopticScore: 0.3, maxClusterOverlap: 0.7, shortestEdge: 192, maxSize: 320 },
  evaluate: { voteMinScore: 0.6, voteMinIou: 0.7, stuffVoteMinIou: 0.15 },
  report: { maxPhotos: 40, exemplars: 8 },
};

/** The published hyperparameters of U2Seg, CutLER and STEGO; needs DINO weights and, for training, a GPU's patience. */
const paper: PipelineConfig = {
  preset: 'paper',
  seed: 0,
  photos: { recursive: true, maxPixels: 100_000_000, maxSide: 0, limit: 0, colourProfile: 'ignore' },
  backbone: { name: 'dino-vitb8', size: 480, embedding: 'crop-cls' },
  proposals: { method: 'maskcut', tau: 0.15, maxMasks: 3, crf: true, secondsPerPhoto: 0 },
  clustering: { k: 800, engine: 'auto', mode: 'reference', maxIterations: 100, redos: 1 },
  semantics: {
    method: 'stego',
    clusters: 27,
    preset: 'cocostuff27-vit-base',
    steps: 5000,
    batchSize: 16,
    codeDim: 70,
    maxGrid: 60,
    fiveCrop: true,
    crf: true,
    maxSide: 0,
  },
  merge: {
    order: 'bbox-area',
    minScore: 0,
    maxInstances: 100,
    minArea: 1,
    maxOverlapRatio: 1,
    maxStuffCoveredRatio: 0.7,
    minStuffArea: 1,
  },
  train: {
    preset: 'u2seg-800',
    iterations: 90_000,
    backend: 'auto',
    copyPaste: true,
    checkpointEvery: 1000,
    shortestEdge: 0,
    maxSize: 1333,
  },
  rounds: { count: 0, iterations: 80_000, minScores: [0.7, 0.65], maxIou: 0.5, maxPredictions: 30 },
  predict: { minScore: 0.05, minPanopticScore: 0.5, maxClusterOverlap: 1, shortestEdge: 800, maxSize: 1333 },
  evaluate: { voteMinScore: 0.6, voteMinIou: 0.7, stuffVoteMinIou: 0.15 },
  report: { maxPhotos: 40, exemplars: 8 },
};

/** The configurations `--preset` names. */
export const pipelinePresets: Readonly<Record<PresetName, PipelineConfig>> = { tiny, paper };
