export { readJsonFile } from './json-file.ts';
export { type Column, type ColumnValue, bytes, flag, integer, matrix, real, text, vector } from './tables/columns.ts';
export { decodeFloat16, encodeFloat16, fromFloat16Bits, toFloat16Bits } from './tables/float16.ts';
export { PartitionedTable, type TableManifest } from './tables/partitions.ts';
export {
  embeddingsTable,
  type EmbeddingRow,
  featuresTable,
  type FeatureRow,
  imagesTable,
  type ImageRow,
  instancesTable,
  type InstanceRow,
  predictionsTable,
  type PredictionRow,
  proposalsTable,
  type ProposalRow,
  segmentsTable,
  type SegmentRow,
  semanticsTable,
  type SemanticRow,
  skippedTable,
  type SkippedRow,
} from './tables/schemas.ts';
export {
  arrowSchema,
  type Columns,
  decodeTable,
  encodeTable,
  locateMatrix,
  type MatrixSpan,
  type TableType,
} from './tables/table.ts';
export { assertFloats, floatDtypes, toFloat32, toInt32 } from './checkpoint/float-values.ts';
export {
  assertTensor,
  type DenseTensor,
  dtypeFacts,
  type NamedTensor,
  tensorBytes,
  type TensorData,
  type TensorDtype,
  type UnreadTensor,
} from './checkpoint/named-tensor.ts';
export {
  CheckpointDict,
  CheckpointSet,
  type CheckpointValue,
  ForeignObject,
  StoredTensor,
} from './checkpoint/pickle-values.ts';
export { readSafetensors, type SafetensorsFile, writeSafetensors } from './checkpoint/safetensors.ts';
export { readTorchCheckpoint, type TorchCheckpoint } from './checkpoint/torch-checkpoint.ts';
export { findNetwork, type FindNetworkOptions, splitPart, type WrappedNetwork } from './checkpoint/wrapped-networks.ts';
export { type TorchValue, writeTorchCheckpoint } from './checkpoint/torch-writer.ts';
export {
  microsoftDomain,
  type OnnxAttribute,
  type OnnxFloat,
  onnxFloat,
  onnxFloats,
  OnnxGraphBuilder,
  onnxGraphDefaults,
  type OnnxGraphOptions,
  type OnnxValue,
} from './onnx/onnx-graph-builder.ts';
export { type OnnxModel, readOnnxModel } from './onnx/onnx-reader.ts';
export type { OnnxDimension, OnnxValueInfo } from './onnx/onnx-types.ts';
