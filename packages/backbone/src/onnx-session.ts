import { U2SegError, type HostTensor, type TensorSession } from '@u2seg/core';
import { readOnnxModel, type OnnxModel } from '@u2seg/interchange';
import { readFile } from 'node:fs/promises';
import type * as OnnxRuntime from 'onnxruntime-node';
import type { InferenceSession, Tensor } from 'onnxruntime-node';

export interface OnnxSessionOptions {
  /** Threads of one run; 0 lets onnxruntime take the physical cores. */
  readonly threads?: number;
  /** Operator fusions and layout changes; `disabled` runs the graph as written, for comparisons. */
  readonly optimization?: 'all' | 'disabled';
  /** What to call the model in an error. */
  readonly source?: string;
}

/** One thread per physical core, every optimization. */
export const onnxSessionDefaults: Required<Omit<OnnxSessionOptions, 'source'>> = { threads: 0, optimization: 'all' };

/** A {@link TensorSession} that also tells what its graph declares. */
export interface OnnxSession extends TensorSession {
  readonly model: OnnxModel;
}

const arrays: Readonly<Record<HostTensor['type'], HostTensor['data']['constructor']>> = {
  float32: Float32Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  float16: Uint16Array,
};

/**
 * Loads a graph into onnxruntime-node, on the CPU.
 *
 * The file is checked by our own reader first: sizes of the weights, no weights in other files. The runtime is imported here and not
 * before, so that a program that never runs a graph needs no native part.
 *
 * @param model - the bytes of an `.onnx` file, or its path
 * @throws U2SegError `unavailable` when onnxruntime-node cannot be loaded, `not-found` for a missing file, `bad-format` for a
 * file that is no model or that the runtime refuses
 */
export async function createOnnxSession(
  model: Uint8Array | string,
  options: OnnxSessionOptions = {},
): Promise<OnnxSession> {
  const { threads, optimization } = { ...onnxSessionDefaults, ...options };
  const source = options.source ?? (typeof model === 'string' ? model : 'model.onnx');
  const bytes = typeof model === 'string' ? await readModelFile(model) : model;
  const description = readOnnxModel(bytes, source);
  const runtime = await importRuntime();
  let session: InferenceSession;
  try {
    session = await runtime.InferenceSession.create(bytes, {
      executionProviders: ['cpu'],
      graphOptimizationLevel: optimization,
      logSeverityLevel: 3,
      ...(threads > 0 ? { intraOpNumThreads: threads } : {}),
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new U2SegError('bad-format', `createOnnxSession: ${source}: onnxruntime refused it: ${reason}`, { cause });
  }
  return new RuntimeSession(runtime.Tensor, session, description, source);
}

async function readModelFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new U2SegError('not-found', `createOnnxSession: ${path} cannot be read.`, { cause });
  }
}

async function importRuntime(): Promise<typeof OnnxRuntime> {
  try {
    return await import('onnxruntime-node');
  } catch (cause) {
    throw new U2SegError(
      'unavailable',
      `createOnnxSession: onnxruntime-node cannot be loaded on ${process.platform}-${process.arch}; install it with \`npm install onnxruntime-node\`, or use the embedded backbone, which needs no native part.`,
      { cause },
    );
  }
}

class RuntimeSession implements OnnxSession {
  readonly model: OnnxModel;
  readonly #tensor: typeof Tensor;
  readonly #source: string;
  #session: InferenceSession | undefined;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];

  constructor(tensor: typeof Tensor, session: InferenceSession, model: OnnxModel, source: string) {
    this.#tensor = tensor;
    this.#session = session;
    this.#source = source;
    this.model = model;
    this.inputNames = session.inputNames;
    this.outputNames = session.outputNames;
  }

  async run(feeds: Readonly<Record<string, HostTensor>>): Promise<Readonly<Record<string, HostTensor>>> {
    if (this.#session === undefined) {
      throw new U2SegError('wrong-usage', `OnnxSession: ${this.#source} was disposed; load it again.`);
    }
    for (const name of this.inputNames) {
      if (feeds[name] === undefined) {
        throw new U2SegError('wrong-usage', `OnnxSession: ${this.#source} needs an input "${name}".`);
      }
    }
    const tensors: Record<string, Tensor> = {};
    for (const [name, { data, shape, type }] of Object.entries(feeds)) {
      if (!(data instanceof arrays[type])) {
        throw new U2SegError(
          'shape-mismatch',
          `OnnxSession: ${this.#source}: input "${name}" of ${type} came as ${data.constructor.name}.`,
        );
      }
      tensors[name] = new this.#tensor(type, data as Float32Array, shape);
    }
    let results: InferenceSession.OnnxValueMapType;
    try {
      results = await this.#session.run(tensors);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new U2SegError('shape-mismatch', `OnnxSession: ${this.#source}: ${reason}`, { cause });
    }
    return Object.fromEntries(
      Object.entries(results).map(([name, value]) => [name, toHostTensor(this.#source, name, value as Tensor)]),
    );
  }

  async dispose(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.release();
  }
}

function toHostTensor(source: string, name: string, tensor: Tensor): HostTensor {
  const { type, dims } = tensor;
  if (!(type in arrays)) {
    throw new U2SegError('unsupported', `OnnxSession: ${source}: output "${name}" is ${type}, which is not read here.`);
  }
  const given = tensor.data as HostTensor['data'];
  // Newer versions of Node have a Float16Array; ours are raw bits on every version.
  const data = type === 'float16' ? new Uint16Array(given.buffer, given.byteOffset, given.length) : given;
  return { data, shape: dims, type: type as HostTensor['type'] };
}
