import type { PartialConfig } from './config.ts';

/** Settings as one object, the later laid over the earlier; a list replaces a list. */
export function mergeSettings(...parts: readonly PartialConfig[]): PartialConfig {
  return parts.reduce<Settings>(laidOver, {});
}

type Settings = { readonly [key: string]: unknown };

function laidOver(base: Settings, over: Settings): Settings {
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = base[key];
    result[key] = isSection(below) && isSection(value) ? laidOver(below, value) : value;
  }
  return result;
}

function isSection(value: unknown): value is Settings {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
