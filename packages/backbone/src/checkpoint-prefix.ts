import { U2SegError } from '@u2seg/core';
import { findNetwork, type NamedTensor } from '@u2seg/interchange';

/**
 * Selects the tensors of the backbone that holds `key`, stripped of what training code put around it:
 * `teacher.module.backbone.cls_token` becomes `cls_token`. A student beside a teacher is left out.
 *
 * @param part - which of several networks, as {@link findNetwork} takes it
 * @throws U2SegError `not-found` naming what the file holds instead, `conflict` for several networks
 */
export function unwrapParameters(
  where: string,
  tensors: readonly NamedTensor[],
  key: string,
  part?: string,
): ReadonlyMap<string, NamedTensor> {
  const network = findNetwork(where, tensors, {
    isKey: (name) => name === key,
    wrappers: ['backbone', 'encoder'],
    part,
    hint: 'write --weights <file>#<name>',
  });
  if (network !== undefined) return network.tensors;
  const shown = tensors.slice(0, 5).map(({ name }) => name);
  throw new U2SegError(
    'not-found',
    `${where}: no "${key}" under any known prefix; the file starts with ${shown.join(', ') || 'nothing'}.`,
  );
}
