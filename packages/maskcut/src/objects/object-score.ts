/** What speaks for a region being an object. */
export interface ObjectEvidence {
  /** Mean boundary strength along the contour, over the image's mean strength. */
  readonly contourStrength: number;
  /** Share of the contour with no more than the image's mean strength, in [0, 1]: where nothing ends there. */
  readonly weakShare: number;
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
  /** Largest IoU with one of the cuts given, times its score, in [0, 1]; 0 without cuts. */
  readonly agreement: number;
}

/** Confidence that a region is an object, in [0, 1]. */
export type ObjectScorer = (evidence: ObjectEvidence) => number;

/** Contour strength that counts half. */
const halfStrength = 2;
/** Share of outline on the border of the image from which nothing is left but `leastBorder`, times this, is 1. */
const borderWeight = 1.5;
const leastBorder = 0.02;
/** Regions below the first share of the image count less, by the root of their area; those above 1 - the second as well. */
const fullArea = 0.2;
const restArea = 0.4;
/** What a region that no cut agrees with keeps, over what the best agreement adds. */
const withoutAgreement = 0.2;

/**
 * The default score: the fourth root, for a readable scale, of a product of how marked and closed the contour is, the contrast
 * with the surroundings in colour and feature, size, shape, distance from the border, and agreement with the cuts.
 *
 * Form and constants are by hand, looked at on fifty photos (experiments/region-ranking); nothing is fitted.
 */
export function defaultObjectScore(e: ObjectEvidence): number {
  const edge = (e.contourStrength / (e.contourStrength + halfStrength)) * (1 - e.weakShare);
  const contrast = Math.sqrt(Math.max(0, e.contrast) * Math.max(0, e.featureContrast));
  const size = Math.min(1, Math.sqrt(e.areaRatio / fullArea)) * Math.min(1, Math.max(0, 1 - e.areaRatio) / restArea);
  const border = Math.max(leastBorder, 1 - borderWeight * e.borderShare);
  const agreement = (withoutAgreement + e.agreement) / (withoutAgreement + 1);
  return (edge * contrast * size * Math.sqrt(e.compactness) * border * agreement) ** (1 / 4);
}
