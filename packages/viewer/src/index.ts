export { clusterColor } from './colors.ts';
export {
  reportDefaults,
  type ReportCluster,
  type ReportCurve,
  type ReportFact,
  type ReportInput,
  type ReportMetrics,
  type ReportOptions,
  type ReportPhoto,
  type ReportSegment,
  type ReportSeries,
  type ReportStage,
  type SkippedPhoto,
} from './report-input.ts';
export { renderReport } from './report.ts';
