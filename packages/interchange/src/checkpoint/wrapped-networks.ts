import { U2SegError } from '@u2seg/core';
import type { NamedTensor } from './named-tensor.ts';

/** Where training code keeps a network: the keys of its checkpoints, and the names of modules around the network. */
const wrappers: ReadonlySet<string> = new Set([
  'state_dict',
  'model_state_dict',
  'model_state',
  'model',
  'net',
  'network',
  'student',
  'student_model',
  'teacher',
  'teacher_model',
  'modelStudent',
  'modelTeacher',
  'ema',
  'ema_model',
  'ema_state',
  'ema_state_dict',
  'model_ema',
  'state_dict_ema',
]);
/** Modules that torch puts around a network or any part of it; they are no part of a network's own names. */
const around: ReadonlySet<string> = new Set([
  'module',
  '_orig_mod',
  '_fsdp_wrapped_module',
  '_fpw_module',
  '_checkpoint_wrapped_module',
  '_forward_module',
]);

/** A network in a checkpoint. */
export interface WrappedNetwork {
  /** What stands before its names, dots between: `state_dict.model`; empty where nothing does. */
  readonly part: string;
  /** By the network's own names. */
  readonly tensors: ReadonlyMap<string, NamedTensor>;
}

export interface FindNetworkOptions {
  /** Says that a name belongs to a network that is looked for, and to one only. */
  readonly isKey: (name: string) => boolean;
  /** More wrappers, which are names of a network elsewhere: `backbone`. */
  readonly wrappers?: readonly string[];
  /** Which of several networks: its {@link WrappedNetwork.part}, or one name of it that no other has. */
  readonly part?: string | undefined;
  /** How a user says which, after "name one". */
  readonly hint: string;
}

/**
 * Finds the network in a checkpoint, in wrappers of any nesting. Of a teacher and a student the teacher is taken, as DINO
 * publishes it; of CUPS' `model` and `teacher_model` the model.
 *
 * @param where - names the file in errors
 * @returns undefined where there is none
 * @throws U2SegError `conflict` for several networks, `not-found` where `part` is none of them
 */
export function findNetwork(
  where: string,
  tensors: readonly NamedTensor[],
  options: FindNetworkOptions,
): WrappedNetwork | undefined {
  const groups = new Map<string, NamedTensor[]>();
  const innerOf = new Map<NamedTensor, string>();
  const found = new Set<string>();
  for (const tensor of tensors) {
    const { part, name } = splitName(tensor.name, options.wrappers ?? []);
    innerOf.set(tensor, name);
    const group = groups.get(part);
    if (group === undefined) groups.set(part, [tensor]);
    else group.push(tensor);
    if (options.isKey(name)) found.add(part);
  }
  const part = choose(where, found, options);
  if (part === undefined) return undefined;
  const selected = new Map<string, NamedTensor>();
  for (const tensor of groups.get(part)!) {
    const name = innerOf.get(tensor)!;
    const other = selected.get(name);
    if (other !== undefined) {
      throw new U2SegError('conflict', `${where}: "${other.name}" and "${tensor.name}" are both "${name}".`);
    }
    selected.set(name, tensor);
  }
  return { part, tensors: selected };
}

/** The wrappers before a network's own name, and that name without the modules torch puts around parts. */
function splitName(full: string, more: readonly string[]): { readonly part: string; readonly name: string } {
  const words = full.split('.');
  let start = 0;
  // the last word is always the tensor's own
  while (start < words.length - 1) {
    const word = words[start]!;
    if (!wrappers.has(word) && !around.has(word) && !more.includes(word)) break;
    start += 1;
  }
  const name = words.slice(start).filter((word) => !around.has(word));
  return { part: words.slice(0, start).join('.'), name: name.join('.') };
}

function choose(
  where: string,
  found: ReadonlySet<string>,
  { part, hint }: Pick<FindNetworkOptions, 'part' | 'hint'>,
): string | undefined {
  const all = [...found];
  const names = all.map((candidate) => `"${candidate}"`).join(', ');
  if (part !== undefined) {
    const matching = all.filter((candidate) => candidate.split('.').includes(part));
    const chosen = found.has(part) ? part : matching.length === 1 ? matching[0] : undefined;
    if (chosen !== undefined) return chosen;
    throw new U2SegError('not-found', `${where}: wanted the network "${part}", got ${names || 'none'}.`);
  }
  if (all.length < 2) return all[0];
  const [preferred, ...rest] = all.filter((candidate) => !all.some((other) => beats(other, candidate)));
  if (preferred !== undefined && rest.length === 0) return preferred;
  throw new U2SegError('conflict', `${where}: wanted one network, got ${all.length}: ${names}; name one: ${hint}.`);
}

/** Whether the network at `a` is the one meant where both are there. */
function beats(a: string, b: string): boolean {
  const has = (part: string, word: string): boolean => part.split('.').includes(word);
  if (has(a, 'teacher') && has(b, 'student')) return true;
  return has(a, 'model') && !has(a, 'teacher_model') && has(b, 'teacher_model');
}

/**
 * Splits `<file>#<part>`, by which a user says which network of a file is meant.
 *
 * @param isFile - whether the whole text is the path of a file, which then has no part
 */
export function splitPart(path: string, isFile: boolean): { readonly file: string; readonly part: string | undefined } {
  const match = isFile ? null : /^(.+)#([^#/\\]*)$/u.exec(path);
  return match === null ? { file: path, part: undefined } : { file: match[1]!, part: match[2]! };
}
