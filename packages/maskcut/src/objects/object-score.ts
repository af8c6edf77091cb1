/** What speaks for a region being an object. */
export interface ObjectEvidence {
  /** Mean boundary strength along the contour, over the image's mean strength. */
  readonly contourStrength: number;
  /** Colour distance to the surroundings, in [0, 1]. */
  readonly contrast: number;
  /** Feature distance to the surroundings, 1 - cosine. */
  readonly featureContrast: number;
  /** How long the region lasts while regions merge: 1 - the cost that made it over the cost that ends it, in [0, 1]. */
  readonly persistence: number;
  /** Share of the outline that lies on the border of the image, in [0, 1]. */
  readonly borderShare: number;
  /** Area over that of the image, in [0, 1]. */
  readonly areaRatio: number;
  /** Area over that of the tight box, in (0, 1]. */
  readonly extent: number;
  /** 4 pi area / outline^2, in (0, 1]. */
  readonly compactness: number;
}

/** Confidence that a region is an object, in [0, 1]. */
export type ObjectScorer = (evidence: ObjectEvidence) => number;

/** The default score; its constants are chosen by hand. */
export function defaultObjectScore(e: ObjectEvidence): number {
  const edge = e.contourStrength / (e.contourStrength + 2);
  const persistence = e.persistence;
  const border = Math.max(0, 1 - 1.5 * e.borderShare);
  const shape = Math.sqrt(e.compactness);
  const size = Math.min(1, Math.sqrt(e.areaRatio / 0.05)) * Math.min(1, Math.max(0, 1 - e.areaRatio) / 0.4);
  return edge * (0.2 + 0.8 * persistence) * border * (0.3 + 0.7 * shape) * size * (0.3 + 0.7 * e.contrast);
}
