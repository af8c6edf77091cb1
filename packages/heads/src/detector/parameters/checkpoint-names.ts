import type { CheckpointTensor } from './state-dict.ts';

/** Tensors under the names a network has, and how they got them. */
export interface RenamedCheckpoint {
  readonly tensors: Map<string, CheckpointTensor>;
  /** Old name to new name, for those that changed. */
  readonly renamed: ReadonlyMap<string, string>;
}

interface NameRule {
  /** Where such names come from. */
  readonly origin: string;
  /** The network's name, or undefined where the rule does not apply. */
  readonly rename: (name: string) => string | undefined;
}

const backbone = 'backbone.bottom_up.';

/** Tried in order; a rule counts only if the network has the name it gives. */
const rules: readonly NameRule[] = [
  { origin: 'detectron2', rename: (name) => name },
  { origin: 'a backbone alone, as detectron2 converts it', rename: (name) => backbone + name },
  { origin: 'torchvision and DINO ResNets', rename: torchvisionName },
  {
    origin: 'a wrapper module (DataParallel, Lightning, CUPS)',
    rename: (name) => afterPrefix(name, ['module.', 'model.', 'student.', 'model.model.']),
  },
  {
    origin: 'a wrapped ResNet (DINO training checkpoints)',
    rename: (name) => {
      const inner = afterPrefix(name, ['module.backbone.', 'backbone.', 'module.', 'encoder.']);
      return inner === undefined ? undefined : torchvisionName(inner);
    },
  },
];

/**
 * Gives a checkpoint's tensors the names of a network by fixed rules: detectron2's own names, a bare backbone,
 * torchvision's and DINO's ResNet, and wrapper prefixes. A name no rule brings home stays as it is, so that
 * {@link loadStateDict} lists it. Where two tensors want one name the first in the order of the rules gets it.
 *
 * @param names - the network's names, for example the keys of `model.store.specs`
 */
export function renameCheckpoint(
  tensors: ReadonlyMap<string, CheckpointTensor>,
  names: Iterable<string>,
): RenamedCheckpoint {
  const wanted = new Set(names);
  const owner = new Map<string, string>();
  for (const { rename } of rules) {
    for (const name of tensors.keys()) {
      const target = rename(name);
      if (target !== undefined && wanted.has(target) && !owner.has(target)) owner.set(target, name);
    }
  }
  const targetOf = new Map([...owner].map(([target, name]) => [name, target]));
  const renamed = new Map<string, string>();
  const result = new Map<string, CheckpointTensor>();
  for (const [name, tensor] of tensors) {
    const target = targetOf.get(name) ?? name;
    if (target !== name) renamed.set(name, target);
    result.set(target, tensor);
  }
  return { tensors: result, renamed };
}

function afterPrefix(name: string, prefixes: readonly string[]): string | undefined {
  const prefix = prefixes.filter((candidate) => name.startsWith(candidate)).sort((a, b) => b.length - a.length)[0];
  return prefix === undefined ? undefined : name.slice(prefix.length);
}

/** `layer1.0.bn2.weight` -> `backbone.bottom_up.res2.0.conv2.norm.weight`, and so on. */
function torchvisionName(name: string): string | undefined {
  const stem = /^(conv1|bn1)\.(.+)$/u.exec(name);
  if (stem !== null) return `${backbone}stem.conv1.${stem[1] === 'bn1' ? 'norm.' : ''}${stem[2]}`;
  const block = /^layer([1-4])\.(\d+)\.(conv|bn|downsample\.)(\d)\.(.+)$/u.exec(name);
  if (block === null) return undefined;
  const [, layer, index, kind, number, rest] = block as unknown as [string, string, string, string, string, string];
  const prefix = `${backbone}res${Number(layer) + 1}.${index}.`;
  if (kind === 'downsample.') return `${prefix}shortcut.${number === '1' ? 'norm.' : ''}${rest}`;
  return `${prefix}conv${number}.${kind === 'bn' ? 'norm.' : ''}${rest}`;
}
