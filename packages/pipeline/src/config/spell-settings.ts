import type { PartialConfig } from './config.ts';

/** Settings as `key.path=value` lines, as `--set` takes them. */
export function spellSettings(settings: PartialConfig): string[] {
  return lines(settings, '');
}

function lines(value: unknown, path: string): string[] {
  if (value === undefined) return [];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${path}=${text(value)}`];
  return Object.entries(value).flatMap(([key, inner]) => lines(inner, path === '' ? key : `${path}.${key}`));
}

/** JSON, without quotes where nothing else is meant. */
function text(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  try {
    JSON.parse(value);
    return JSON.stringify(value);
  } catch {
    return value;
  }
}
