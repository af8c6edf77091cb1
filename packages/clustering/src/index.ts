export { assignPoints, type AssignPointsOptions, type PointAssignments } from './assign-points.ts';
export {
  clusterInstances,
  clusterInstancesDefaults,
  instanceClusterPresets,
  type ClusterInstancesOptions,
  type InstanceClusters,
} from './cluster-instances.ts';
export type { EmptyClusterPolicy } from './empty-clusters.ts';
export type { ClusteringEngine, LoadedPoints, Metric, NearestTwo } from './engine.ts';
export { faissEngine, type FaissModule } from './faiss-engine.ts';
export type { KMeansStart } from './initial-centroids.ts';
export { kMeans, kMeansDefaults, type KMeansOptions, type KMeansResult } from './kmeans.ts';
export { knnDensityDefaults, knnMeanSquaredDistance, type KnnDensityOptions } from './knn-density.ts';
export { torchRandomPermutation } from './mersenne-twister.ts';
export {
  miniBatchKMeans,
  miniBatchKMeansDefaults,
  type MiniBatchKMeansOptions,
  type MiniBatchKMeansResult,
  type PointBatches,
} from './mini-batch-kmeans.ts';
export { mlKmeansEngine } from './ml-kmeans-engine.ts';
export {
  nearestExemplars,
  nearestExemplarsDefaults,
  type Exemplar,
  type NearestExemplarsOptions,
} from './nearest-exemplars.ts';
export { normalizeRows } from './points.ts';
export { onnxruntimeEngine, onnxruntimeEngineDefaults, type OnnxruntimeEngineOptions } from './onnxruntime-engine.ts';
export { tfjsEngine, tfjsEngineDefaults, type TfjsEngineOptions } from './tfjs-engine.ts';
export type { TfModule, TfTensor } from './tfjs-module.ts';
export { typedArraysEngine } from './typed-arrays-engine.ts';
export { wasmEngine, wasmEngineDefaults, type WasmEngineOptions } from './wasm-engine.ts';
