/** Settings that do not compile, and some that do; `npm run typecheck` checks it. */
import { mergeSettings, type ExperimentSystem } from '../../src/index.ts';

const preset = 'paper';

export const systems: readonly ExperimentSystem[] = [
  { id: 'nothing', preset, settings: {} },
  { id: 'null switches DropLoss off', preset, settings: { train: { dropLossIou: null }, rounds: { scales: [1] } } },
  // @ts-expect-error: there is no section cluster
  { id: 'misspelled section', preset, settings: { cluster: { k: 3 } } },
  // @ts-expect-error: there is no setting clustering.kk
  { id: 'misspelled setting', preset, settings: { clustering: { kk: 3 } } },
  // @ts-expect-error: k is a number
  { id: 'value of another kind', preset, settings: { clustering: { k: '3' } } },
  // @ts-expect-error: no such method
  { id: 'misspelled choice', preset, settings: { semantics: { method: 'kmeans' } } },
  // @ts-expect-error: lines of --set are no settings
  { id: 'text', preset, settings: ['clustering.k=3'] },
  // @ts-expect-error: there is no setting clustering.kk
  { id: 'misspelled part', preset, settings: mergeSettings({ seed: 1 }, { clustering: { kk: 3 } }) },
];
