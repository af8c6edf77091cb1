/** What is installed, what each job will run on, and how to get the faster one. */
import { createRequire } from 'node:module';
import { availableParallelism, cpus, totalmem } from 'node:os';
import type { Command } from 'commander';
import Table from 'cli-table3';
import { defaultCacheDirectory, officialWeights } from '@u2seg/backbone';
import { cpuHasBfloat16, loadTfBackend, type TfBackend } from '@u2seg/heads';
import type { CommandContext } from './context.ts';

interface Finding {
  readonly job: string;
  readonly runsOn: string;
  /** What to do for a faster one; absent where this is the fastest. */
  readonly faster?: string;
}

export function registerDoctor(program: Command, context: CommandContext): void {
  program
    .command('doctor')
    .description('what is installed, what each job runs on, and how to get the faster one')
    .action(async () => {
      const facts = machineFacts();
      const findings = [
        await training(),
        await inference(),
        await clustering(),
        { job: 'MaskCut, CRF, metrics', runsOn: `own WebAssembly kernels on ${availableParallelism()} threads` },
      ];
      const weights = officialWeights.map(({ name, license }) => ({ name, license }));
      if (context.json()) {
        context.stdout(
          `${JSON.stringify({ machine: facts, jobs: findings, weights, cache: defaultCacheDirectory() })}\n`,
        );
        return;
      }
      const table = new Table({
        head: ['job', 'runs on', 'faster'],
        style: { head: [], border: [] },
        colWidths: [24, 48, 48],
        wordWrap: true,
      });
      table.push(...findings.map(({ job, runsOn, faster }) => [job, runsOn, faster ?? '-']));
      context.stdout(
        `${facts.map(({ name, value }) => `${name.padEnd(8)} ${value}`).join('\n')}\n\n${table.toString()}\n`,
      );
      context.stdout(
        `\nWeights u2seg fetches by name (or takes from --weights), kept in ${defaultCacheDirectory()}:\n`,
      );
      for (const { name, license } of weights) context.stdout(`  ${name.padEnd(24)} ${license}\n`);
    });
}

function machineFacts(): { name: string; value: string }[] {
  return [
    { name: 'node', value: process.versions.node },
    { name: 'cpu', value: `${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores` },
    { name: 'memory', value: `${Math.round(totalmem() / 2 ** 30)} GiB` },
    { name: 'platform', value: `${process.platform} ${process.arch}` },
  ];
}

/** Said where the processor multiplies bfloat16 itself. */
const reducedPrecision =
  'this processor has bfloat16: --set train.precision=bfloat16, and predict --precision bfloat16, for large networks';

async function training(): Promise<Finding> {
  let backend: TfBackend;
  try {
    backend = await loadTfBackend('auto');
  } catch (cause) {
    return {
      job: 'training',
      runsOn: `nothing: ${cause instanceof Error ? cause.message : String(cause)}`,
      faster: 'npm run setup',
    };
  }
  const runsOn = `${backend.description}: ${backend.why}`;
  if (backend.name === 'tensorflow-gpu') return { job: 'training', runsOn };
  if (backend.name === 'tensorflow') {
    const faster = 'with an NVIDIA GPU and CUDA: npm install @tensorflow/tfjs-node-gpu';
    return { job: 'training', runsOn, faster: cpuHasBfloat16() === true ? `${reducedPrecision}; ${faster}` : faster };
  }
  return {
    job: 'training',
    runsOn,
    faster:
      'about ten times: native TensorFlow. `npm run setup` builds it where python3 with pip and a C++ compiler are there; or npm install @tensorflow/tfjs-node',
  };
}

async function inference(): Promise<Finding> {
  try {
    await import('onnxruntime-node');
    return { job: 'frozen networks', runsOn: `onnxruntime-node ${versionOf('onnxruntime-node')} on the CPU` };
  } catch (cause) {
    return {
      job: 'frozen networks',
      runsOn: `nothing: onnxruntime-node does not load (${cause instanceof Error ? cause.message.split('\n')[0] : String(cause)})`,
      faster: 'npm ci',
    };
  }
}

async function clustering(): Promise<Finding> {
  try {
    await import('faiss-node');
    return {
      job: 'clustering',
      runsOn: `own kernels; faiss-node ${versionOf('faiss-node')} with clustering.engine=faiss`,
    };
  } catch {
    return {
      job: 'clustering',
      runsOn: 'own WebAssembly kernels (the same clusters as every other engine)',
      faster:
        'clustering.engine=tensorflow or onnxruntime for many points; faiss-node where its native library can be had (npm run setup)',
    };
  }
}

function versionOf(name: string): string {
  try {
    return (createRequire(import.meta.url)(`${name}/package.json`) as { version: string }).version;
  } catch {
    return '';
  }
}
