import { readFile } from 'node:fs/promises';
import { explainIoError, U2SegError } from '@u2seg/core';
import { z } from 'zod';
import { pipelineSchema, type PartialConfig, type PipelineConfig, type PresetName } from './config.ts';
import { nearestName } from './nearest-name.ts';
import { pipelinePresets } from './presets.ts';

/** A nested object of settings, as a config file holds it. */
export type ConfigOverrides = { readonly [key: string]: unknown };

export interface ConfigSources {
  readonly preset?: PresetName;
  /** Settings that go right over the preset's, in order. */
  readonly base?: readonly PartialConfig[];
  /** JSON file whose settings go over these; its own `preset` is used where none is given here. */
  readonly file?: string;
  /** `key.path=value` settings, in order; they go over the file's. */
  readonly set?: readonly string[];
  /** Settings that go over everything, for programs. */
  readonly overrides?: ConfigOverrides;
}

/**
 * Resolves a configuration: preset, then file, then `--set`.
 *
 * @throws U2SegError `wrong-usage` naming the source, the key and, for a misspelled key, the nearest one there is
 */
export async function loadConfig(sources: ConfigSources): Promise<PipelineConfig> {
  const layers: { name: string; values: ConfigOverrides }[] = [];
  for (const values of sources.base ?? []) layers.push({ name: 'base', values: { ...values } });
  if (sources.file !== undefined) layers.push({ name: sources.file, values: await readConfigFile(sources.file) });
  for (const setting of sources.set ?? []) layers.push({ name: `--set ${setting}`, values: parseSetting(setting) });
  if (sources.overrides !== undefined) layers.push({ name: 'overrides', values: sources.overrides });
  const named = layers.map(({ values }) => values['preset']).find((value) => value !== undefined);
  const preset = sources.preset ?? named ?? 'tiny';
  if (typeof preset !== 'string' || !Object.hasOwn(pipelinePresets, preset)) {
    throw new U2SegError(
      'wrong-usage',
      `preset must be one of ${Object.keys(pipelinePresets).join(', ')}, got ${JSON.stringify(preset)}.`,
    );
  }
  let config: ConfigOverrides = structuredClone(pipelinePresets[preset as PresetName]);
  for (const { name, values } of layers) config = { ...merged(name, config, values, []), preset };
  const parsed = pipelineSchema.safeParse(config);
  if (parsed.success) return parsed.data;
  throw new U2SegError(
    'wrong-usage',
    explain(layers.map(({ name }) => name).join(', ') || `preset ${preset}`, parsed.error),
  );
}

async function readConfigFile(path: string): Promise<ConfigOverrides> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new U2SegError('wrong-usage', `${path}: the configuration cannot be read: ${explainIoError(cause)}.`, {
      cause,
    });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new U2SegError('wrong-usage', `${path}: not valid JSON: ${messageOf(cause)}.`, { cause });
  }
  if (!isObject(value))
    throw new U2SegError('wrong-usage', `${path}: wanted an object of settings, got ${JSON.stringify(value)}.`);
  return value;
}

/** `train.iterations=200` as a nested object; the value is JSON where it parses, text otherwise. */
function parseSetting(setting: string): ConfigOverrides {
  const at = setting.indexOf('=');
  if (at < 1)
    throw new U2SegError('wrong-usage', `--set wants key=value, for example train.iterations=200; got ${setting}.`);
  const text = setting.slice(at + 1);
  let value: unknown = text;
  try {
    value = JSON.parse(text);
  } catch {
    // not JSON: the text itself
  }
  return setting
    .slice(0, at)
    .split('.')
    .reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as ConfigOverrides;
}

/** `over` laid over `base`; only keys the schema knows. */
function merged(
  source: string,
  base: ConfigOverrides,
  over: ConfigOverrides,
  path: readonly string[],
): ConfigOverrides {
  const known = keysAt(path);
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    if (!known.includes(key)) throw new U2SegError('wrong-usage', unknownKey(source, [...path, key], known));
    const below = base[key];
    result[key] = isObject(below) && isObject(value) ? merged(source, below, value, [...path, key]) : value;
  }
  return result;
}

function keysAt(path: readonly string[]): string[] {
  let schema: z.ZodType = pipelineSchema;
  for (const key of path) {
    if (!(schema instanceof z.ZodObject)) return [];
    schema = schema.shape[key] as z.ZodType;
  }
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function unknownKey(source: string, path: readonly string[], known: readonly string[]): string {
  const nearest = nearestName(path.at(-1)!, known);
  const hint =
    nearest === undefined
      ? ` Known there: ${known.join(', ')}.`
      : ` Did you mean ${[...path.slice(0, -1), nearest].join('.')}?`;
  return `${source}: there is no setting ${path.join('.')}.${hint}`;
}

function explain(source: string, error: z.ZodError): string {
  const issues = error.issues.map((issue) => `${issue.path.join('.') || 'the configuration'}: ${issue.message}`);
  return `${source}: ${issues.join('; ')}.`;
}

function isObject(value: unknown): value is ConfigOverrides {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
