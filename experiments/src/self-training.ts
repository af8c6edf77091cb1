/**
 * Does a network beat the pseudo-labels it was trained on, and a second round of self-training the first?
 *
 *   node experiments/dist/self-training.js [maskcut | spoiled] [seed ...]
 *
 * Class-agnostic mask AP on synthetic scenes, with two kinds of labels: `maskcut`, what MaskCut finds on the embedded backbone,
 * no ground truth anywhere; and `spoiled`, a controlled study with the true instances spoiled by a known amount.
 *
 * Result: `experiments/self-training/summary.json`, one entry a kind of label, in it one run a seed and their mean and deviation.
 * The seed decides the first weights, the order of photos and the sampling; the scenes are the same.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeFileAtomic, type Segment } from '@u2seg/core';
import { generateScene, type Scene } from '@u2seg/datasets';
import { loadStateDict, loadTfBackend, PanopticCascadeModel, stateDict, type DetectorConfig } from '@u2seg/heads';
import {
  predictPanoptic,
  selfTrain,
  tinyAgnostic,
  tinyRecipe,
  trainPanoptic,
  type NextLabelOptions,
  type TrainingExample,
  type TrainingSet,
} from '@u2seg/self-train';
import { agnosticScores, type AgnosticScores } from './agnostic-scores.ts';
import { isMain } from './is-main.ts';
import { labelledScene } from './it-learns.ts';
import { withRun, type StudyRecord, type StudyRow, type StudyRun } from './self-training-record.ts';
import { proposedLabels, spoilLabels, type LabelNoise, type ProposalSource } from './self-training-labels.ts';
import { studyMachine } from './study-machine.ts';

export interface SelfTrainingConfig {
  readonly labels: ({ readonly kind: 'spoiled' } & LabelNoise) | ({ readonly kind: 'maskcut' } & ProposalSource);
  readonly trainScenes: number;
  readonly testScenes: number;
  /** Pixels. */
  readonly height: number;
  readonly width: number;
  /** Optimizer steps on the first labels, and of each round after that. */
  readonly firstIterations: number;
  readonly roundIterations: number;
  /** How predictions become labels, round by round. */
  readonly rounds: readonly NextLabelOptions[];
  readonly seed: number;
}

const shared: Omit<SelfTrainingConfig, 'labels'> = {
  trainScenes: 200,
  testScenes: 100,
  height: 192,
  width: 256,
  firstIterations: 400,
  roundIterations: 250,
  rounds: [
    { minScore: 0.7, maxIou: 0.5 },
    { minScore: 0.65, maxIou: 0.5 },
  ],
  seed: 1,
};

export const selfTraining: Readonly<Record<'maskcut' | 'spoiled', SelfTrainingConfig>> = {
  maskcut: { ...shared, labels: { kind: 'maskcut', shortestEdge: 384, tau: 0.3, maxMasks: 5 } },
  spoiled: { ...shared, labels: { kind: 'spoiled', missedRatio: 0.4, maxEdgeShift: 3, spuriousRatio: 0.3 } },
};

/** Seeds of the test scenes start here; training scenes count from 0. */
const firstTestSeed = 100_000;

/** The scenes of a study with their true instances. */
class Scenes {
  readonly scenes: readonly Scene[];
  readonly truth: readonly (readonly Segment[])[];
  readonly size: { readonly height: number; readonly width: number };

  constructor(count: number, firstSeed: number, size: { readonly height: number; readonly width: number }) {
    this.size = size;
    this.scenes = Array.from({ length: count }, (_, i) => generateScene(firstSeed + i, size));
    this.truth = this.scenes.map((scene) =>
      labelledScene(scene, '').instances.map((segment) => ({ ...segment, clusterId: 0 })),
    );
  }

  score(found: readonly (readonly Segment[])[]): AgnosticScores {
    return agnosticScores(this.truth, found, this.size);
  }

  async scoreModel(model: PanopticCascadeModel): Promise<{ scores: AgnosticScores; instances: number }> {
    const found: (readonly Segment[])[] = [];
    for (const { image } of this.scenes) found.push((await predictPanoptic(model, image)).instances);
    return { scores: this.score(found), instances: found.flat().length };
  }
}

/** The same weights in a network of another configuration. */
function rebuilt(model: PanopticCascadeModel, config: DetectorConfig): PanopticCascadeModel {
  const copy = PanopticCascadeModel.create(config, { seed: 0 });
  loadStateDict(copy, stateDict(model));
  return copy;
}

/** One seed of a study, and what it asked. */
export interface SelfTrainingRun {
  readonly study: Pick<StudyRecord, 'question' | 'protocol' | 'config'>;
  readonly run: StudyRun;
}

export async function runSelfTraining(
  config: SelfTrainingConfig,
  say: (line: string) => void,
): Promise<SelfTrainingRun> {
  const backend = await loadTfBackend('auto');
  say(backend.description);
  const { height, width, seed } = config;
  const train = new Scenes(config.trainScenes, 0, { height, width });
  const test = new Scenes(config.testScenes, firstTestSeed, { height, width });
  const rows: StudyRow[] = [];
  const record = (row: StudyRow): void => {
    rows.push(row);
    say(JSON.stringify(row));
  };
  const recordModel = async (name: string, model: PanopticCascadeModel): Promise<void> => {
    const seen = await train.scoreModel(model);
    const unseen = await test.scoreModel(model);
    record({ name, train: seen.scores, test: unseen.scores, instances: seen.instances });
  };
  const recordLabels = (name: string, labelled: readonly TrainingExample[]): void => {
    const labels = labelled.map(({ instances }) => instances);
    record({ name, train: train.score(labels), instances: labels.flat().length });
  };

  const examples: TrainingExample[] = [];
  for (const [i, { image }] of train.scenes.entries()) {
    const instances =
      config.labels.kind === 'maskcut'
        ? await proposedLabels(image, config.labels)
        : spoilLabels(train.truth[i]!, train.size, config.labels, i);
    examples.push({ image, instances, name: `scene ${i}` });
  }
  recordLabels('labels', examples);

  const setOf = (of: readonly TrainingExample[]): TrainingSet => ({
    length: of.length,
    load: async (index) => of[index]!,
  });
  const { copyPaste } = tinyAgnostic.recipe;
  const recipe = (iterations: number): ReturnType<typeof tinyRecipe> => ({
    ...tinyRecipe(iterations),
    copyPaste: copyPaste!,
  });
  const started = Date.now();
  const first = PanopticCascadeModel.create(tinyAgnostic.network({ things: 1, stuff: 0 }), { seed });
  await trainPanoptic(first, setOf(examples), { ...recipe(config.firstIterations), seed });
  await recordModel('trained on the labels', first);

  // The rounds learn from labels that miss less, so they do without DropLoss, as CutLER's do.
  const { dropLossIou: _none, ...roi } = first.config.roi;
  const model = rebuilt(first, { ...first.config, roi });
  const control = rebuilt(first, first.config);
  first.dispose();
  let labelled: readonly TrainingExample[] = examples;
  for (const [i, labels] of config.rounds.entries()) {
    const next = new Map<number, TrainingExample>();
    await selfTrain(model, setOf(labelled), {
      rounds: [{ labels, training: { ...recipe(config.roundIterations), seed: seed + i + 1 } }],
      predict: predictPanoptic,
      store: {
        write: async (_round, index, example) => void next.set(index, example),
        read: async (_round, index) => next.get(index)!,
      },
    });
    labelled = examples.map((_, index) => next.get(index)!);
    recordLabels(`labels of round ${i + 1}`, labelled);
    await recordModel(`round ${i + 1}`, model);
  }
  model.dispose();
  // What the same number of further steps gives without new labels.
  await trainPanoptic(control, setOf(examples), {
    ...recipe(config.rounds.length * config.roundIterations),
    seed: seed + 1,
  });
  await recordModel('control: as many steps on the first labels', control);
  control.dispose();
  const { seed: _seed, ...rest } = config;
  return {
    study: {
      question: 'Does a network beat the labels it learned from, and a second round of self-training the first?',
      protocol: 'COCO mask AP and AR@100, class-agnostic, in per cent, on the training scenes and on scenes never seen',
      config: { ...rest, recipe: recipe(config.firstIterations) },
    },
    run: {
      seed,
      rows,
      seconds: Math.round((Date.now() - started) / 1000),
      machine: studyMachine(backend.description),
    },
  };
}

/** Adds a run to the record of a kind of label. */
export async function recordRun(name: string, { study, run }: SelfTrainingRun): Promise<void> {
  const file = fileURLToPath(new URL('../self-training/summary.json', import.meta.url));
  const records = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, StudyRecord>) : {};
  records[name] = withRun(records[name], study, run);
  await mkdir(dirname(file), { recursive: true });
  await writeFileAtomic(file, `${JSON.stringify(records, null, 2)}\n`);
}

if (isMain(import.meta.url)) {
  const [kind, ...seeds] = process.argv.slice(2);
  for (const [name, config] of Object.entries(selfTraining)) {
    if (kind !== undefined && kind !== name) continue;
    for (const seed of seeds.length === 0 ? [config.seed] : seeds.map(Number)) {
      await recordRun(name, await runSelfTraining({ ...config, seed }, (line) => console.log(line)));
    }
  }
}
