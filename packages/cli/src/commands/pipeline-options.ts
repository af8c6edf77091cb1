/** Flags that every command running the pipeline has. */
import { U2SegError } from '@u2seg/core';
import { Option, type Command } from 'commander';
import { loadConfig, type PipelineConfig, type ConfigOverrides } from '@u2seg/pipeline';

export interface PipelineFlags {
  readonly preset?: 'tiny' | 'paper';
  readonly config?: string;
  readonly set?: readonly string[];
  readonly backbone?: string;
  readonly weights?: string;
  readonly seed?: number;
  readonly limit?: number;
  readonly k?: number;
  readonly iterations?: number;
  readonly rounds?: number;
  readonly backend?: PipelineConfig['train']['backend'];
  readonly component?: readonly string[];
}

export function addPipelineOptions(command: Command): Command {
  const collect = (value: string, earlier: readonly string[] = []): string[] => [...earlier, value];
  return command
    .addOption(
      new Option('--preset <name>', 'tiny: two cores, embedded backbone; paper: published hyperparameters').choices([
        'tiny',
        'paper',
      ]),
    )
    .option('--config <file>', 'JSON of settings that go over the preset')
    .option('--set <key=value>', 'one setting, for example train.iterations=200; repeatable', collect)
    .option('--backbone <name>', 'embedded, dino-vits8, dino-vitb8, dinov2-vits14, ... (u2seg doctor lists them)')
    .option('--weights <file>', 'local .pth, .safetensors or .onnx of the backbone')
    .option('--seed <n>', 'seed of everything random', wholeNumber)
    .option('--limit <n>', 'only the first n photos', wholeNumber)
    .option('--k <n>', 'clusters of instances', wholeNumber)
    .option('--iterations <n>', 'training iterations', wholeNumber)
    .option('--rounds <n>', 'self-training rounds', wholeNumber)
    .addOption(
      new Option('--backend <name>', 'where training runs').choices([
        'auto',
        'tensorflow-gpu',
        'tensorflow',
        'wasm',
        'cpu',
      ]),
    )
    .option(
      '--component <slot=file>',
      'module of your own for backbone, proposals, clustering or merge; repeatable',
      collect,
    );
}

/** @throws U2SegError `wrong-usage` as `loadConfig` does */
export function configOf(flags: PipelineFlags): Promise<PipelineConfig> {
  const overrides: Record<string, Record<string, unknown> | number> = {};
  const put = (section: string, key: string, value: unknown): void => {
    if (value === undefined) return;
    overrides[section] = { ...(overrides[section] as Record<string, unknown> | undefined), [key]: value };
  };
  if (flags.seed !== undefined) overrides['seed'] = flags.seed;
  put('photos', 'limit', flags.limit);
  put('backbone', 'name', flags.backbone ?? (flags.weights === undefined ? undefined : 'local'));
  put('backbone', 'weights', flags.weights);
  put('clustering', 'k', flags.k);
  put('train', 'iterations', flags.iterations);
  put('train', 'backend', flags.backend);
  put('rounds', 'count', flags.rounds);
  for (const setting of flags.component ?? []) {
    const match = /^(backbone|proposals|clustering|merge)=(.+)$/u.exec(setting);
    if (match === null)
      throw new U2SegError(
        'wrong-usage',
        `--component wants slot=file with slot one of backbone, proposals, clustering, merge; got ${setting}.`,
      );
    put(match[1]!, 'component', match[2]!);
  }
  return loadConfig({
    ...(flags.preset === undefined ? {} : { preset: flags.preset }),
    ...(flags.config === undefined ? {} : { file: flags.config }),
    ...(flags.set === undefined ? {} : { set: flags.set }),
    overrides: overrides as ConfigOverrides,
  });
}

/** @throws U2SegError `wrong-usage` unless the text is a whole number from 0 */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0)
    throw new U2SegError('wrong-usage', `wanted a whole number from 0, got ${text}.`);
  return value;
}
