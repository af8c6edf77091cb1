import { golden } from '@u2seg/testing';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readSafetensors, readTorchCheckpoint, writeSafetensors } from '@u2seg/interchange';

const vit = golden('vit');

describe.skipIf(vit === undefined)('golden checkpoints', () => {
  const folder = vit!;

  it('reads the plain ViT state dictionary as the safetensors twin has it (golden)', () => {
    const expected = folder.tensors('vit_weights.safetensors');
    const checkpoint = readTorchCheckpoint(readFileSync(folder.file('vit_plain.pth')));
    expect(checkpoint.format).toBe('zip');
    const names = checkpoint.tensors.map(({ name }) => name);
    expect(names.toSorted()).toEqual([...expected.keys()].toSorted());
    for (const tensor of checkpoint.tensors) {
      const wanted = expected.get(tensor.name)!;
      expect(tensor.shape).toEqual(wanted.shape);
      expect(tensor.data).toEqual(wanted.data);
    }
  });

  it('reads teacher and student of the training checkpoint and skips its Namespace (golden)', () => {
    const expected = folder.tensors('vit_weights.safetensors');
    const checkpoint = readTorchCheckpoint(readFileSync(folder.file('vit_full_checkpoint.pth')));
    expect(checkpoint.foreignClasses).toContain('argparse.Namespace');
    const teacher = checkpoint.tensors.filter(({ name }) => name.startsWith('teacher.backbone.'));
    expect(teacher).toHaveLength(expected.size);
    for (const tensor of teacher) {
      expect(tensor.data).toEqual(expected.get(tensor.name.slice('teacher.backbone.'.length))!.data);
    }
    const student = checkpoint.tensors.find(({ name }) => name === 'student.module.backbone.cls_token')!;
    expect(student.data).not.toEqual(expected.get('cls_token')!.data);
  });

  it('reads zip, legacy stream and teacher form of the ResNet alike (golden)', () => {
    const expected = folder.tensors('resnet_weights.safetensors');
    for (const name of folder.list(/^resnet_(?!output|input).*\.pth$/u)) {
      const checkpoint = readTorchCheckpoint(readFileSync(folder.file(name)), name);
      expect(checkpoint.format).toBe(name.includes('legacy') ? 'legacy' : 'zip');
      const byName = new Map(checkpoint.tensors.map((t) => [t.name.replace(/^teacher\.module\.backbone\./u, ''), t]));
      for (const [key, wanted] of expected) expect(byName.get(key)!.data).toEqual(wanted.data);
    }
  });

  it('reads and writes every safetensors file without a change (golden)', () => {
    for (const name of folder.list(/\.safetensors$/u)) {
      const expected = folder.tensors(name);
      const { tensors, metadata } = readSafetensors(readFileSync(folder.file(name)), name);
      expect(tensors).toHaveLength(expected.size);
      const again = readSafetensors(writeSafetensors(tensors, Object.fromEntries(metadata)));
      for (const tensor of again.tensors) {
        expect(tensor.shape).toEqual(expected.get(tensor.name)!.shape);
        expect(tensor.data).toEqual(expected.get(tensor.name)!.data);
      }
    }
  });
});
