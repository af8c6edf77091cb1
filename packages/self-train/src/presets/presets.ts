import { U2SegError } from '@u2seg/core';
import { cups, cupsSelfTraining } from './cups.ts';
import { cutlerMaskRcnn, cutlerRound1, cutlerRound2, cutlerStage1 } from './cutler.ts';
import type { TrainPreset } from './preset.ts';
import { tiny, tinyAgnostic } from './tiny.ts';
import { u2seg300, u2seg300Paper, u2seg800, u2seg800Paper } from './u2seg.ts';

/** Every preset, by name. */
export const trainPresets: ReadonlyMap<string, TrainPreset> = new Map(
  [
    u2seg300,
    u2seg300Paper,
    u2seg800,
    u2seg800Paper,
    cutlerStage1,
    cutlerMaskRcnn,
    cutlerRound1,
    cutlerRound2,
    cups,
    cupsSelfTraining,
    tiny,
    tinyAgnostic,
  ].map((preset) => [preset.name, preset]),
);

/** @throws U2SegError `not-found`, listing the names there are */
export function trainPreset(name: string): TrainPreset {
  const preset = trainPresets.get(name);
  if (preset === undefined) {
    const known = [...trainPresets.keys()].join(', ');
    throw new U2SegError('not-found', `trainPreset: wanted one of ${known}, got ${name}.`);
  }
  return preset;
}
