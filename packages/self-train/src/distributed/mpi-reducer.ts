import { createRequire } from 'node:module';
import { U2SegError } from '@u2seg/core';
import type { GradientReducer } from './gradient-reducer.ts';

export interface MpiOptions {
  /** Shared library of OpenMPI. */
  readonly library?: string;
}

/** The name under which Linux distributions install OpenMPI 4. */
export const mpiDefaults: Required<MpiOptions> = { library: 'libmpi.so.40' };

/** The part of koffi that is used here. */
interface Koffi {
  load(path: string): {
    func(name: string, result: string, parameters: readonly string[]): (...args: unknown[]) => number;
    symbol(name: string, type: string): unknown;
  };
}

/**
 * Joins the processes that `mpirun` or `srun` started, by OpenMPI through FFI (the optional package `koffi`). A process
 * started otherwise is a group of its own. Call it once a process.
 *
 * @throws U2SegError `unavailable` if koffi or OpenMPI cannot be loaded, or MPI does not start
 */
export function openMpi(options: MpiOptions = {}): GradientReducer {
  const { library } = { ...mpiDefaults, ...options };
  const mpi = loadMpi(library);
  const check = (call: string, code: number): void => {
    if (code !== 0) throw new U2SegError('unavailable', `openMpi: ${call} failed with code ${code}.`);
  };
  check('MPI_Init', mpi.init(null, null));
  const whole = (call: string, ask: (out: Int32Array) => number): number => {
    const out = new Int32Array(1);
    check(call, ask(out));
    return out[0]!;
  };
  return {
    rank: whole('MPI_Comm_rank', (out) => mpi.rank(mpi.world, out)),
    size: whole('MPI_Comm_size', (out) => mpi.size(mpi.world, out)),
    allReduceSum(values) {
      const type = values instanceof Float32Array ? mpi.float : mpi.double;
      const summed = values.slice();
      check('MPI_Allreduce', mpi.allReduce(values, summed, values.length, type, mpi.sum, mpi.world));
      values.set(summed);
    },
    close: () => check('MPI_Finalize', mpi.finalize()),
  };
}

interface Mpi {
  init(argc: null, argv: null): number;
  rank(communicator: unknown, out: Int32Array): number;
  size(communicator: unknown, out: Int32Array): number;
  allReduce(
    send: Float32Array | Float64Array,
    receive: Float32Array | Float64Array,
    count: number,
    type: unknown,
    operation: unknown,
    communicator: unknown,
  ): number;
  finalize(): number;
  /** Handles: in OpenMPI the addresses of these objects. */
  readonly world: unknown;
  readonly float: unknown;
  readonly double: unknown;
  readonly sum: unknown;
}

function loadMpi(library: string): Mpi {
  try {
    const koffi = createRequire(import.meta.url)('koffi') as Koffi;
    const lib = koffi.load(library);
    const pointer = 'void *';
    return {
      init: lib.func('MPI_Init', 'int', [pointer, pointer]),
      rank: lib.func('MPI_Comm_rank', 'int', [pointer, pointer]),
      size: lib.func('MPI_Comm_size', 'int', [pointer, pointer]),
      allReduce: lib.func('MPI_Allreduce', 'int', [pointer, pointer, 'int', pointer, pointer, pointer]),
      finalize: lib.func('MPI_Finalize', 'int', []),
      world: lib.symbol('ompi_mpi_comm_world', pointer),
      float: lib.symbol('ompi_mpi_float', pointer),
      double: lib.symbol('ompi_mpi_double', pointer),
      sum: lib.symbol('ompi_mpi_op_sum', pointer),
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new U2SegError(
      'unavailable',
      `openMpi: needs the package koffi and OpenMPI's ${library} (Debian: libopenmpi3): ${reason}`,
      { cause },
    );
  }
}
