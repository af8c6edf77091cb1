import {
  OnnxGraphBuilder,
  readTorchCheckpoint,
  tensorBytes,
  writeSafetensors,
  writeTorchCheckpoint,
  type CheckpointDict,
  type NamedTensor,
} from '@u2seg/interchange';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

/** A Python with torch, numpy and onnx; without it these tests are skipped. */
const python = process.env['U2SEG_PEER_PYTHON'];

const folder = mkdtempSync(join(tmpdir(), 'u2seg-peer-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
/** Whether the peer has a module; a part of them is enough for a part of the tests. */
const has = (module: string): boolean =>
  python !== undefined && spawnSync(python, ['-c', `import ${module}`], { stdio: 'ignore' }).status === 0;
const [hasTorch, hasOnnx] = [has('torch'), has('onnx')];
const run = (script: string): string => execFileSync(python!, ['-c', script], { encoding: 'utf8', cwd: folder });

const tensors: NamedTensor[] = [
  { name: 'w', dtype: 'float32', shape: [2, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5) },
  { name: 'h', dtype: 'float16', shape: [2], data: Uint16Array.of(0x3c00, 0xc000) },
  { name: 'b', dtype: 'bfloat16', shape: [2], data: Uint16Array.of(0x3f80, 0xc000) },
  { name: 'n', dtype: 'int64', shape: [], data: BigInt64Array.of(-7n) },
  { name: 'm', dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) },
];

describe.skipIf(python === undefined)('PyTorch and ONNX as peers (U2SEG_PEER_PYTHON)', () => {
  it.skipIf(!hasTorch)('torch.load reads what we write, also with weights_only and mapped into memory', () => {
    writeFileSync(join(folder, 'ours.pth'), writeTorchCheckpoint({ model: tensors, iteration: 90000, lr: 0.01 }));
    const script = `
import torch, json
for options in ({}, {'mmap': True}):
    c = torch.load('ours.pth', weights_only=True, **options)
m = c['model']
print(json.dumps([c['iteration'], c['lr'], m['w'].tolist(), m['h'].tolist(), m['b'].tolist(), m['n'].item(), m['m'].tolist(),
                  [str(t.dtype) for t in m.values()]]))`;
    expect(JSON.parse(run(script))).toEqual([
      90000,
      0.01,
      [
        [0, 1, 2],
        [3, 4, 5],
      ],
      [1, -2],
      [1, -2],
      -7,
      [true, false, true],
      ['torch.float32', 'torch.float16', 'torch.bfloat16', 'torch.int64', 'torch.bool'],
    ]);
  });

  it.skipIf(!hasTorch)('we read what torch.save and pickle.dump write', () => {
    run(`
import torch, numpy as np, pickle, collections, argparse
base = torch.arange(12.).reshape(3, 4)
state = collections.OrderedDict(t=base.t(), part=base[1:, ::2], base=base, spread=torch.ones(1).expand(5), empty=torch.zeros(0, 3))
state['parameter'] = torch.nn.Parameter(torch.full((2,), 2.))
o = {'model': state, 'args': argparse.Namespace(a=1), 'big': 2 ** 70, 'array': np.asfortranarray(np.arange(6.).reshape(2, 3)),
     'scalar': np.float64(2.5), 'default': collections.defaultdict(list, a=[1]), 'set': {1}, 'bytes': b'\\x00\\xff'}
torch.save(o, 'zip.pth')
torch.save(o, 'legacy.pth', _use_new_zipfile_serialization=False)
for p in range(6):
    pickle.dump({'model': {'a': np.arange(6, dtype=np.float32).reshape(2, 3), 't': (True, None, 1.5, 2 ** 40)}}, open(f'p{p}.pkl', 'wb'), p)
`);
    for (const file of ['zip.pth', 'legacy.pth']) {
      const { tensors: read, root, foreignClasses } = readTorchCheckpoint(readFileSync(join(folder, file)), file);
      const data = (name: string): number[] => [...read.find((tensor) => tensor.name === name)!.data].map(Number);
      expect(data('model.t')).toEqual([0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
      expect(data('model.part')).toEqual([4, 6, 8, 10]);
      expect(data('model.spread')).toEqual([1, 1, 1, 1, 1]);
      expect(data('model.empty')).toEqual([]);
      expect(data('model.parameter')).toEqual([2, 2]);
      expect(data('array')).toEqual([0, 1, 2, 3, 4, 5]);
      expect(foreignClasses).toEqual(['argparse.Namespace']);
      const dict = root as CheckpointDict;
      expect([dict.get('big'), dict.get('scalar')]).toEqual([2n ** 70n, 2.5]);
      expect(dict.get('bytes')).toEqual(Uint8Array.of(0, 255));
    }
    for (let protocol = 0; protocol < 6; protocol += 1) {
      const { tensors: read, root } = readTorchCheckpoint(readFileSync(join(folder, `p${protocol}.pkl`)));
      expect(read.map(({ name, shape, data }) => [name, shape, [...data]])).toEqual([
        ['model.a', [2, 3], [0, 1, 2, 3, 4, 5]],
      ]);
      expect(((root as CheckpointDict).get('model') as CheckpointDict).get('t')).toEqual([true, null, 1.5, 2 ** 40]);
    }
  });

  it('we read the arrays numpy pickles in any layout, type and protocol', () => {
    const script = `
import json, pickle, random, numpy as np
r, out = random.Random(1), []
for i in range(${Number(process.env['U2SEG_FUZZ_COUNT'] ?? 100)}):
    a = np.arange(np.prod(shape := [r.choice([0, 1, 2, 3, 4]) for _ in range(r.randint(0, 5))], dtype=int)).reshape(shape)
    a = a.astype(r.choice(['f8', 'f4', 'f2', 'i8', 'i4', 'i2', 'i1', 'u8', 'u4', 'u2', 'u1', '?', 'c8', 'c16']))
    for _ in range(r.randint(0, 3)):
        a = r.choice([lambda: a.transpose(r.sample(range(a.ndim), a.ndim)), lambda: np.asfortranarray(a), lambda: a[..., ::-1] if a.ndim else a,
                      lambda: a[::2] if a.ndim else a])()
    for p in range(6):
        out.append([pickle.dumps(a, p).hex(), list(a.shape), np.ascontiguousarray(a).tobytes().hex()])
print(json.dumps(out))`;
    for (const [file, shape, elements] of JSON.parse(run(script)) as [string, number[], string][]) {
      const [tensor] = readTorchCheckpoint(Buffer.from(file, 'hex')).tensors;
      expect([tensor!.shape, Buffer.from(tensorBytes(tensor!)).toString('hex')]).toEqual([shape, elements]);
    }
  });

  it('numpy finds the tensors of our safetensors where its header says', () => {
    writeFileSync(join(folder, 'ours.safetensors'), writeSafetensors(tensors));
    const script = `
import json, struct, numpy as np
b = open('ours.safetensors', 'rb').read(); n = struct.unpack('<Q', b[:8])[0]; e = json.loads(b[8:8 + n])['w']
print(np.frombuffer(b, np.float32, offset=8 + n + e['data_offsets'][0], count=6).reshape(e['shape']).tolist())`;
    expect(JSON.parse(run(script))).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
  });

  it.skipIf(!hasOnnx)("onnx's checker accepts a graph of ours", () => {
    const graph = new OnnxGraphBuilder({ metadata: { license: 'CC0-1.0' } });
    const x = graph.input('x', 'float32', ['n', 2]);
    const w = graph.initializer('w', { dtype: 'float32', shape: [2, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5) });
    graph.output('y', graph.node('Softmax', [graph.node('MatMul', [x, w])], { axis: -1 }), 'float32', ['n', 3]);
    writeFileSync(join(folder, 'ours.onnx'), graph.build());
    const script = `
import onnx
m = onnx.load('ours.onnx'); onnx.checker.check_model(m, full_check=True); print(m.graph.output[0].type.tensor_type.shape.dim[0].dim_param)`;
    expect(run(script).trim()).toBe('n');
  });
});
