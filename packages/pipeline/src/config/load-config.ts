import { readFile } from 'node:fs/promises';
import { explainIoError, U2SegError } from '@u2seg/core';
import { z } from 'zod';
import { pipelineSchema, type PartialConfig, type PipelineConfig, type PresetName } from './config.ts';
import { mergeSettings } from './merge-settings.ts';
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
  const layers = (sources.base ?? []).map((settings) => checkSettings('base', settings));
  if (sources.file !== undefined) layers.push(checkSettings(sources.file, await readConfigFile(sources.file)));
  layers.push(...(sources.set ?? []).map(parseSetting));
  if (sources.overrides !== undefined) layers.push(checkSettings('overrides', sources.overrides));
  const preset = sources.preset ?? layers.find((layer) => layer.preset !== undefined)?.preset ?? 'tiny';
  if (!Object.hasOwn(pipelinePresets, preset)) {
    throw new U2SegError(
      'wrong-usage',
      `preset must be one of ${Object.keys(pipelinePresets).join(', ')}, got ${JSON.stringify(preset)}.`,
    );
  }
  return pipelineSchema.parse(mergeSettings(pipelinePresets[preset], ...layers, { preset }));
}

/**
 * Settings of a source that no compiler has seen.
 *
 * @throws U2SegError `wrong-usage` naming the source, the key and, for a misspelled key, the nearest one there is
 */
export function checkSettings(source: string, settings: unknown): PartialConfig {
  if (!isObject(settings)) {
    throw new U2SegError('wrong-usage', `${source}: wanted an object of settings, got ${JSON.stringify(settings)}.`);
  }
  checkKeys(source, settings, []);
  // Any preset will do: no setting's values depend on another.
  const { error } = pipelineSchema.safeParse(mergeSettings(pipelinePresets.tiny, settings));
  if (error !== undefined) throw new U2SegError('wrong-usage', explain(source, error));
  return settings;
}

/**
 * `train.iterations=200`, as `--set` takes it; the value is JSON where it parses, text otherwise.
 *
 * @throws U2SegError `wrong-usage` as {@link checkSettings}, and for no `key=value`
 */
export function parseSetting(setting: string): PartialConfig {
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
  const nested = setting
    .slice(0, at)
    .split('.')
    .reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
  return checkSettings(`--set ${setting}`, nested);
}

async function readConfigFile(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new U2SegError('wrong-usage', `${path}: the configuration cannot be read: ${explainIoError(cause)}.`, {
      cause,
    });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new U2SegError('wrong-usage', `${path}: not valid JSON: ${messageOf(cause)}.`, { cause });
  }
}

/** Only keys the schema knows. */
function checkKeys(source: string, settings: ConfigOverrides, path: readonly string[]): void {
  const known = keysAt(path);
  for (const [key, value] of Object.entries(settings)) {
    const at = [...path, key];
    if (!known.includes(key)) throw new U2SegError('wrong-usage', unknownKey(source, at, known));
    if (isObject(value) && keysAt(at).length > 0) checkKeys(source, value, at);
  }
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
