import type { RgbImage, Rle } from '@u2seg/core';

/** Everything a report shows. It holds no paths and reads no clock: the same input gives the same page, byte for byte. */
export interface ReportInput {
  readonly title: string;
  /** When the run ended, as ISO 8601; shown as given. */
  readonly createdAt: string;
  /** The resolved configuration, nested, of JSON values. */
  readonly config: object;
  /** Versions, backend, machine, weights. */
  readonly environment: readonly ReportFact[];
  /** In the order they ran. */
  readonly stages: readonly ReportStage[];
  /** May be produced one by one: only one photo is held at a time. Taken in the given order, up to `maxPhotos`. */
  readonly photos: Iterable<ReportPhoto> | AsyncIterable<ReportPhoto>;
  readonly clusters: readonly ReportCluster[];
  readonly curves: readonly ReportCurve[];
  readonly metrics: readonly ReportMetrics[];
  /** Whole sentences about what looks wrong. */
  readonly warnings: readonly string[];
  readonly skipped: readonly SkippedPhoto[];
  /** Photos of the run that the caller did not hand over. */
  readonly photosLeftOut: number;
}

/** One fact about the run: a version, the backend, the weights. */
export interface ReportFact {
  readonly name: string;
  readonly value: string;
  /** Its licence, where the fact names something that has one: then it is also printed among the licences. */
  readonly licence?: string;
}

export interface ReportStage {
  readonly name: string;
  /** Wall-clock time; absent for a stage that did not run this time. */
  readonly seconds?: number;
  /** How many things it handled: photos, proposals, steps. */
  readonly items: number;
  /** One sentence. */
  readonly detail: string;
}

export interface ReportPhoto {
  /** The photo's name; the page sorts and filters by it. */
  readonly id: string;
  readonly image: RgbImage;
  /** Absent where there is no ground truth, which differs from an empty one. */
  readonly groundTruth?: readonly ReportSegment[];
  readonly proposals: readonly ReportSegment[];
  /** Proposals that are not among them, because they would hide each other; said below the picture. */
  readonly proposalsLeftOut?: number;
  readonly pseudoLabel: readonly ReportSegment[];
  readonly prediction: readonly ReportSegment[];
}

export interface ReportSegment {
  /** Of the photo's size. */
  readonly mask: Rle;
  readonly isThing: boolean;
  readonly label: string;
  /** Gives the colour. Negative for a segment without a cluster: its place in the list gives the colour then. */
  readonly clusterId: number;
  /** In [0, 1]. */
  readonly score?: number;
}

export interface ReportCluster {
  readonly clusterId: number;
  readonly isThing: boolean;
  /** Members. */
  readonly size: number;
  /** Crops that show what it is about, the most typical first. */
  readonly exemplars: readonly RgbImage[];
  /** Name of the ground-truth class it was matched with. */
  readonly matchedClass?: string;
}

/** One chart. */
export interface ReportCurve {
  readonly name: string;
  readonly xLabel: string;
  readonly series: readonly ReportSeries[];
}

export interface ReportSeries {
  readonly name: string;
  /** [x, y] with x rising. A y that is not finite leaves a gap in the line and is counted below the chart. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** One table of metrics. */
export interface ReportMetrics {
  readonly title: string;
  /** What was measured, spelled out: class list, thresholds, which matching, fitted on what. */
  readonly protocol: string;
  readonly columns: readonly string[];
  /** One value per column. A string stands as given; a number is printed with the digits of its column; `null` and NaN are a dash. */
  readonly rows: readonly (readonly (string | number | null)[])[];
  readonly note?: string;
}

export interface SkippedPhoto {
  readonly id: string;
  readonly reason: string;
}

/** Limits that keep the page small. */
export interface ReportOptions {
  /** Photos shown. */
  readonly maxPhotos?: number;
  /** Longer side of the pictures and of the grid the masks are drawn on, in pixels. */
  readonly maxSide?: number;
  /** JPEG quality of photos and exemplars, in [1, 100]. */
  readonly jpegQuality?: number;
  /** Outlines of one panel, in characters: above it, its masks are drawn on a grid of half the side. */
  readonly maxPanelCharacters?: number;
  /** Clusters shown with exemplars, of things and of stuff each; the largest come first. */
  readonly maxClusters?: number;
  /** Exemplars shown per cluster. */
  readonly maxExemplars?: number;
  /** Longer side of an exemplar, in pixels. */
  readonly exemplarSide?: number;
  /** Points kept per series of a chart; longer ones keep the lowest and highest value of each stretch. */
  readonly maxCurvePoints?: number;
}

/** 60 photos and 120 clusters stay below 15 MB. */
export const reportDefaults: Required<ReportOptions> = {
  maxPhotos: 60,
  maxSide: 360,
  jpegQuality: 82,
  maxPanelCharacters: 32_000,
  maxClusters: 60,
  maxExemplars: 6,
  exemplarSide: 96,
  maxCurvePoints: 2000,
};
