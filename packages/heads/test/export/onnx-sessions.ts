import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { HostTensor, TensorSession } from '@u2seg/core';
import { readSafetensors, writeSafetensors, type NamedTensor } from '@u2seg/interchange';

/** The part of the runtimes' common interface that is used here. */
interface Runtime {
  readonly InferenceSession: {
    create(bytes: Uint8Array, options: object): Promise<RuntimeSession>;
  };
  readonly Tensor: new (type: 'float32', data: Float32Array, shape: readonly number[]) => unknown;
}

interface RuntimeSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(
    feeds: Record<string, unknown>,
  ): Promise<Record<string, { data: unknown; dims: readonly number[]; type: string }>>;
  release(): Promise<void>;
}

export type SessionMaker = (graph: Uint8Array) => Promise<TensorSession>;

/** Runtimes that load on this machine; the others are skipped by name. */
export const runtimes: Readonly<Record<'onnxruntime-node' | 'onnxruntime-web' | 'python', SessionMaker | undefined>> = {
  'onnxruntime-node': sessionMaker(await optional(() => import('onnxruntime-node') as Promise<unknown>)),
  'onnxruntime-web': sessionMaker(await optional(() => import('onnxruntime-web') as Promise<unknown>)),
  python: await pythonSession(),
};

async function optional(load: () => Promise<unknown>): Promise<Runtime | undefined> {
  try {
    const loaded = (await load()) as { default?: Runtime } & Runtime;
    return loaded.InferenceSession === undefined ? loaded.default : loaded;
  } catch {
    return undefined;
  }
}

function sessionMaker(runtime: Runtime | undefined): SessionMaker | undefined {
  if (runtime === undefined) return undefined;
  return async (graph) => {
    const session = await runtime.InferenceSession.create(graph, { executionProviders: [], logSeverityLevel: 3 });
    return {
      inputNames: session.inputNames,
      outputNames: session.outputNames,
      async run(feeds) {
        const tensors = Object.entries(feeds).map(([name, { data, shape }]) => [
          name,
          new runtime.Tensor('float32', data as Float32Array, shape),
        ]);
        const results = await session.run(Object.fromEntries(tensors) as Record<string, unknown>);
        return Object.fromEntries(
          Object.entries(results).map(([name, { data, dims, type }]) => [
            name,
            { data, shape: dims, type } as HostTensor,
          ]),
        );
      },
      dispose: () => session.release(),
    };
  };
}

/** Runs a graph on tensors of a safetensors file; reads and writes the format itself, so that only onnxruntime is needed. */
const script = `
import json, struct, sys, numpy, onnxruntime
kinds = {'F32': numpy.float32, 'I64': numpy.int64}
def load(path):
    data = open(path, 'rb').read()
    size = struct.unpack('<Q', data[:8])[0]
    body = data[8 + size:]
    table = {k: v for k, v in json.loads(data[8:8 + size]).items() if k != '__metadata__'}
    return {k: numpy.frombuffer(body[slice(*v['data_offsets'])], kinds[v['dtype']]).reshape(v['shape']) for k, v in table.items()}
def save(arrays, path):
    table, body = {}, b''
    for k, v in sorted(arrays.items(), key=lambda entry: -entry[1].itemsize):
        raw = numpy.ascontiguousarray(v).tobytes()
        kind = [name for name, dtype in kinds.items() if v.dtype == dtype][0]
        table[k] = {'dtype': kind, 'shape': list(v.shape), 'data_offsets': [len(body), len(body) + len(raw)]}
        body += raw
    header = json.dumps(table).encode()
    header += b' ' * (-len(header) % 8)
    open(path, 'wb').write(struct.pack('<Q', len(header)) + header + body)
session = onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])
names = [output.name for output in session.get_outputs()]
save(dict(zip(names, session.run(None, load(sys.argv[2])))), sys.argv[3])
`;

/** Python's onnxruntime, where `U2SEG_PEER_PYTHON` names a Python that has it; each run starts a process. */
async function pythonSession(): Promise<SessionMaker | undefined> {
  const python = process.env['U2SEG_PEER_PYTHON'];
  if (python === undefined) return undefined;
  const run = promisify(execFile);
  try {
    await run(python, ['-c', 'import onnxruntime, numpy']);
  } catch {
    return undefined;
  }
  return async (graph) => {
    const folder = await mkdtemp(join(tmpdir(), 'u2seg-export-'));
    await writeFile(join(folder, 'model.onnx'), graph);
    return {
      inputNames: ['image'],
      outputNames: [],
      async run(feeds) {
        const inputs = Object.entries(feeds).map(([name, { data, shape }]): NamedTensor => ({
          name,
          dtype: 'float32',
          shape,
          data: data as Float32Array,
        }));
        const [from, to] = [join(folder, 'in.safetensors'), join(folder, 'out.safetensors')];
        await writeFile(from, writeSafetensors(inputs));
        await run(python, ['-c', script, join(folder, 'model.onnx'), from, to]);
        const { tensors } = readSafetensors(new Uint8Array(await readFile(to)));
        return Object.fromEntries(
          tensors.map(({ name, dtype, shape, data }) => [name, { data, shape, type: dtype } as HostTensor]),
        );
      },
      dispose: () => rm(folder, { recursive: true }),
    };
  };
}
