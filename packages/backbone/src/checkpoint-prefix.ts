import { U2SegError } from '@u2seg/core';
import type { NamedTensor } from '@u2seg/interchange';

/** Wrappers under which training code stores the backbone; the teacher comes first, as it is the model DINO publishes. */
const prefixes: readonly string[] = [
  'teacher.module.backbone.',
  'teacher.backbone.',
  'teacher.module.',
  'teacher.',
  'model.backbone.',
  'state_dict.backbone.',
  'state_dict.model.',
  'state_dict.',
  'model.',
  'module.backbone.',
  'backbone.',
  'module.',
  '',
];

/**
 * Selects the tensors under the first known wrapper that holds `key`, stripped of it: `teacher.backbone.cls_token` becomes
 * `cls_token`. A student beside a teacher is left out.
 *
 * @throws U2SegError `not-found` naming what the file holds instead
 */
export function unwrapParameters(
  where: string,
  tensors: readonly NamedTensor[],
  key: string,
): Map<string, NamedTensor> {
  const names = new Set(tensors.map(({ name }) => name));
  const prefix = prefixes.find((candidate) => names.has(candidate + key));
  if (prefix === undefined) {
    const shown = [...names].slice(0, 5).join(', ');
    throw new U2SegError(
      'not-found',
      `${where}: no "${key}" under any known prefix; the file starts with ${shown || 'nothing'}.`,
    );
  }
  const selected = new Map<string, NamedTensor>();
  for (const tensor of tensors) {
    if (tensor.name.startsWith(prefix)) selected.set(tensor.name.slice(prefix.length), tensor);
  }
  return selected;
}
