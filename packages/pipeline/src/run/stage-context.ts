import type { OnProgress } from '@u2seg/core';
import type { PipelineConfig } from '../config/config.ts';
import type { PhotoIndex } from './photo-index.ts';
import type { RunDirectory } from './run-directory.ts';

/** What every stage is given: where it writes, which photos it reads, its settings, and whom it tells how far it is. */
export interface StageContext {
  readonly run: RunDirectory;
  readonly index: PhotoIndex;
  readonly config: PipelineConfig;
  readonly onProgress: OnProgress;
}
