/** What a run computes: every number that changes a result, checked when it is read. */
import { z } from 'zod';

const positive = z.number().int().min(1);
const ratio = z.number().min(0).max(1);
/** Path of a module of the user's own; its bytes are part of a run's identity. */
const component = z.string().min(1).optional();

const photos = z.strictObject({
  /** Whether folders inside the folder are searched. */
  recursive: z.boolean(),
  /** Larger photos are left out and listed, in pixels. */
  maxPixels: positive,
  /** Decoded photos are shrunk to this longest side, in pixels; 0 keeps every size. */
  maxSide: z.number().int().min(0),
  /** Only the first so many photos; 0 takes all. */
  limit: z.number().int().min(0),
  /** `apply` converts embedded colour profiles to sRGB, `ignore` takes the numbers as they are (the reference). */
  colourProfile: z.enum(['ignore', 'apply']),
});

const backbone = z.strictObject({
  /** `embedded`, one of the official weights (`dino-vitb8`), or any name with `weights`. */
  name: z.string().min(1),
  /** Local `.pth`, `.safetensors` or `.onnx`. */
  weights: z.string().min(1).optional(),
  /** Photos are resized to a square of this side, in pixels (MaskCut: 480). */
  size: positive,
  /** What describes an instance: CLS token of its crop, or mean feature under its mask. */
  embedding: z.enum(['crop-cls', 'mask-mean']),
  component,
});

const proposals = z.strictObject({
  /** `objects`: regions of merge trees, ranked by contour, contrast and agreement with MaskCut's masks; `maskcut`, `maskcut-reference`: CutLER's iterated cut, ours and to the letter; `tokencut`: one cut. */
  method: z.enum(['maskcut', 'objects', 'maskcut-reference', 'tokencut']),
  /** Edge threshold on cosine similarity. */
  tau: z.number().min(-1).max(1),
  /** Most masks of a photo (N). */
  maxMasks: positive,
  /** `objects`: masks MaskCut finds first, for the regions to agree with; 0 for none. */
  maxCuts: z.number().int().min(0),
  crf: z.boolean(),
  /** Seconds a photo may take before it is left out and listed; 0 for no limit. Makes results depend on the machine. */
  secondsPerPhoto: z.number().min(0),
  /** Go on when the labels are evidently broken (health.ts): hardly a proposal, one cluster for everything, empty labels. */
  acceptBroken: z.boolean(),
  component,
});

const clustering = z.strictObject({
  /** K */
  k: positive,
  engine: z.enum(['auto', 'wasm', 'typed-arrays', 'tensorflow', 'onnxruntime', 'faiss', 'ml-kmeans']),
  /** `reference`: U2Seg's released code. */
  mode: z.enum(['default', 'reference']),
  maxIterations: positive,
  /** Runs of which the best is kept. */
  redos: positive,
  /** Descriptors clustered in memory, in MiB; more of them are clustered by mini-batches from disk. `reference` and components take all at once. */
  maxMiB: z.number().positive(),
  component,
});

const semantics = z.strictObject({
  /** `stego`: trained head and cluster probe; `k-means`: the features themselves; `none`: no stuff. */
  method: z.enum(['stego', 'k-means', 'none']),
  clusters: z.number().int().min(1).max(250),
  preset: z.string().min(1),
  steps: z.number().int().min(0),
  batchSize: positive,
  codeDim: positive,
  /** Dense features are averaged down to at most this many cells a side before they are stored. */
  maxGrid: positive,
  /** Train on five crops of each photo, each through the backbone on its own, as STEGO does: five times the features. */
  fiveCrop: z.boolean(),
  /** Parts of STEGO's loss its ablation takes away: correlations below 0 count as 0; features are centred point by point. */
  zeroClamp: z.boolean(),
  centering: z.boolean(),
  crf: z.boolean(),
  /** Longest side of the semantic map, in pixels; upsampled to the photo. 0: the photo's own. */
  maxSide: z.number().int().min(0),
});

const merge = z.strictObject({
  order: z.enum(['bbox-area', 'mask-area', 'score']),
  minScore: ratio,
  /** Best instances of a photo that become labels. */
  maxInstances: positive,
  minArea: positive,
  maxOverlapRatio: ratio,
  maxStuffCoveredRatio: ratio,
  minStuffArea: positive,
  component,
});

const train = z.strictObject({
  /** Network and recipe: `tiny`, `u2seg-800`, `u2seg-300`, `cutler-stage1`, `cups`. */
  preset: z.string().min(1),
  /** What the network starts from: `random`, `dino-resnet50`, a checkpoint or a run; layers it lacks start at random. */
  init: z.string().min(1).optional(),
  iterations: z.number().int().min(0),
  batchSize: positive.optional(),
  learningRate: z.number().positive().optional(),
  backend: z.enum(['auto', 'tensorflow-gpu', 'tensorflow', 'wasm', 'cpu']),
  /** `bfloat16` takes convolutions and products in 8 significant bits: faster where `u2seg doctor` says so. */
  precision: z.enum(['float32', 'bfloat16']).optional(),
  copyPaste: z.boolean().optional(),
  /** IoU below which a region that matches no label is not punished (DropLoss); null switches it off. */
  dropLossIou: z.number().min(0).max(1).nullable().optional(),
  checkpointEvery: positive,
  /** Photos are resized once, before training, to these lengths in pixels; 0: by the recipe's augmentation. */
  shortestEdge: z.number().int().min(0),
  maxSize: positive,
});

const rounds = z.strictObject({
  count: z.number().int().min(0).max(20),
  iterations: z.number().int().min(0),
  /** Score from which a prediction becomes a label, per round; the last one repeats. */
  minScores: z.array(ratio).min(1),
  /** An old label stays when no believed prediction overlaps it by this IoU. */
  maxIou: ratio,
  maxPredictions: positive,
  /** Sizes the teacher looks at, over `predict.shortestEdge`; their results are joined (CUPS: 0.5, 0.75, 1). */
  scales: z.array(z.number().min(0.25).max(4)).min(1),
  /** The teacher also looks at the mirror image. */
  flip: z.boolean(),
});

const contours = z.strictObject({
  /**
   * Steps of a contour network that learns from scenes made of the proposals and finds the regions of `predict.regions` with
   * `proposals.method=objects`; 0: regions by colour alone.
   */
  iterations: z.number().int().min(0),
  /** Scenes a step. */
  batchSize: positive,
  /** Side of a scene in pixels, a multiple of 32. */
  size: positive.multipleOf(32),
  /** Photos scenes are made of, kept in memory; of more so many evenly spread ones. */
  maxPhotos: positive,
  checkpointEvery: positive,
});

const predict = z.strictObject({
  /** Sizes a photo is looked at, over `shortestEdge`; their results are joined (test-time augmentation). */
  scales: z.array(z.number().min(0.25).max(4)).min(1),
  /** Also look at the mirror image. */
  flip: z.boolean(),
  /** Fit masks to the photo by a dense CRF, and weight scores by how far mask and CRF agree (IoU). */
  crf: z.boolean(),
  minScore: ratio,
  /** So many proposals of the photo are named by the network and join its detections (see `joinRegions`); 0 for none. */
  regions: z.number().int().min(0),
  /** Score an instance needs to enter the panoptic map. */
  minPanopticScore: ratio,
  /** Of two instances of different clusters that overlap by more than this IoU the surer stays; 1 keeps both, as detectron2 does. */
  maxClusterOverlap: ratio,
  shortestEdge: positive,
  maxSize: positive,
  /** `bfloat16` runs the network in TensorFlow.js with 8 significant bits: faster where `u2seg doctor` says so. */
  precision: z.enum(['float32', 'bfloat16']).optional(),
  /**
   * Where the cluster of a predicted instance comes from: `network`, or `clusters`, the nearest of the clusters of the run's
   * instances to its descriptor (CutLER+: a class-agnostic network, classes by clustering).
   */
  classes: z.enum(['network', 'clusters']),
  /** Stuff of the panoptic map: `network`, or `semantics`, the maps of the semantics stage under the instances (CutLER+STEGO). */
  stuff: z.enum(['network', 'semantics']),
});

const evaluate = z.strictObject({
  /** Majority vote: a thing votes from this score on ... */
  voteMinScore: ratio,
  /** ... for ground truth its box overlaps by more than this IoU. */
  voteMinIou: ratio,
  /** A stuff region votes when it overlaps by more than this IoU. */
  stuffVoteMinIou: ratio,
  /**
   * Classes that are averaged over: `given`, the ground truth's, or `u2seg`: of COCO panoptic's 133 the 80 things and 15 stuff
   * super-categories, of other data sets those given.
   */
  classes: z.enum(['given', 'u2seg']),
  /** Train STEGO's linear probe on the labels of some photos and score it on the others (needs `semantics.method=stego`). */
  linearProbe: z.boolean(),
});

const report = z.strictObject({
  maxPhotos: z.number().int().min(0),
  exemplars: positive,
});

/** Configuration of a run. Unknown keys are errors. */
export const pipelineSchema = z.strictObject({
  preset: z.enum(['tiny', 'paper']),
  seed: z
    .number()
    .int()
    .min(0)
    .max(2 ** 32 - 1),
  photos,
  backbone,
  proposals,
  clustering,
  semantics,
  merge,
  train,
  rounds,
  contours,
  predict,
  evaluate,
  report,
});

export type PipelineConfig = z.infer<typeof pipelineSchema>;
export type PresetName = PipelineConfig['preset'];

type Partially<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [Key in keyof T]?: Partially<T[Key]> }
    : T;

/** Some settings, to lay over others: a misspelled one does not compile. */
export type PartialConfig = Partially<PipelineConfig>;
