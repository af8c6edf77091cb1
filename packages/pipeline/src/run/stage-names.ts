/** Stages in the order they run; each also is a command of its own. */
export const stageNames = [
  'images',
  'propose',
  'cluster',
  'semantics',
  'merge',
  'train',
  'rounds',
  'contours',
  'predict',
  'evaluate',
  'report',
] as const;
export type StageName = (typeof stageNames)[number];
