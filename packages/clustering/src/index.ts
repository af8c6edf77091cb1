export { assignPoints, type AssignPointsOptions, type PointAssignments } from './assign-points.ts';
export {
  clusterInstances,
  clusterInstancesDefaults,
  instanceClusterPresets,
  type ClusterInstancesOptions,
  type InstanceClusters,
} from './cluster-instances.ts';
export type { EmptyClusterPolicy } from './kmeans/empty-clusters.ts';
export type { ClusteringEngine, LoadedPoints, Metric, NearestTwo } from './engines/engine.ts';
export { faissEngine, type FaissModule } from './engines/faiss-engine.ts';
export type { KMeansStart } from './kmeans/initial-centroids.ts';
export { kMeans, kMeansDefaults, type KMeansOptions, type KMeansResult } from './kmeans/kmeans.ts';
export { knnDensityDefaults, knnMeanSquaredDistance, type KnnDensityOptions } from './knn-density.ts';
export { torchRandomPermutation } from './kmeans/mersenne-twister.ts';
export {
  miniBatchKMeans,
  miniBatchKMeansDefaults,
  type MiniBatchKMeansOptions,
  type MiniBatchKMeansResult,
  type PointBatches,
} from './kmeans/mini-batch-kmeans.ts';
export { mlKmeansEngine } from './engines/ml-kmeans-engine.ts';
export { nearestClusters, type FixedClusters } from './nearest-clusters.ts';
export {
  nearestExemplars,
  nearestExemplarsDefaults,
  type Exemplar,
  type NearestExemplarsOptions,
} from './nearest-exemplars.ts';
export { normalizeRows } from './points.ts';
export {
  onnxruntimeEngine,
  onnxruntimeEngineDefaults,
  type OnnxruntimeEngineOptions,
} from './engines/onnxruntime-engine.ts';
export { tfjsEngine, tfjsEngineDefaults } from './engines/tfjs/tfjs-engine.ts';
export type { TfModule, TfTensor } from './engines/tfjs/tfjs-module.ts';
export type { TfjsEngineOptions } from './engines/tfjs/tfjs-points.ts';
export { typedArraysEngine } from './engines/typed-arrays-engine.ts';
export { wasmEngine, wasmEngineDefaults, type WasmEngineOptions } from './engines/wasm-engine.ts';
