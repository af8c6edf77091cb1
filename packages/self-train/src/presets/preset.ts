import type { DetectorConfig } from '@u2seg/heads';
import type { TrainRecipe } from '../train/train-recipe.ts';

/** A published or tried way to train, with where each number comes from. */
export interface TrainPreset {
  readonly name: string;
  /** What it reproduces. */
  readonly description: string;
  /** Network for K thing clusters and some stuff clusters (CutLER's networks are class-agnostic and take neither). */
  network(clusters: { readonly things: number; readonly stuff: number }): DetectorConfig;
  /** Everything but the seed. */
  readonly recipe: Omit<TrainRecipe, 'seed'>;
  /** Score from which predictions were the labels of each round it trains on, kept when `score >= minScore`; absent in a first stage. */
  readonly roundScores?: readonly number[];
  /** Lengths at test time, in pixels: shorter side and longest side. */
  readonly testSize: { readonly shortestEdge: number; readonly maxSize: number };
  /** Where the numbers come from. */
  readonly sources: readonly string[];
  /** Numbers on which paper and released code differ; the recipe follows `code`. */
  readonly differences: readonly { readonly what: string; readonly paper: string; readonly code: string }[];
}
