import { CommanderError } from 'commander';
import { explainIoError, U2SegError } from '@u2seg/core';
import type { CommandContext } from './commands/context.ts';
import { createProgram } from './program.ts';

/** Exit codes: fine, failed, called wrongly. */
export const exitCodes: { readonly fine: 0; readonly failed: 1; readonly wrongUse: 2 } = {
  fine: 0,
  failed: 1,
  wrongUse: 2,
};

/**
 * Runs the command line and says how it ended. Nothing escapes: an error this project throws is one sentence, any other one
 * keeps its stack, because it is a defect of ours.
 *
 * @param args - without the program's own name
 * @param output - where text goes; the process's own streams unless told otherwise
 */
export async function main(
  args: readonly string[],
  output: Pick<CommandContext, 'stdout' | 'stderr'> = processStreams(),
): Promise<number> {
  const { stdout, stderr } = output;
  const json = args.includes('--json');
  const complain = (code: string, message: string): void => {
    if (json) stdout(`${JSON.stringify({ event: 'error', code, message })}\n`);
    else stderr(`u2seg: ${message}\n`);
  };
  try {
    await createProgram({ stdout, stderr }).parseAsync([...args], { from: 'user' });
    return exitCodes.fine;
  } catch (cause) {
    if (cause instanceof CommanderError) {
      // commander has spoken already
      return cause.exitCode === 0 ? exitCodes.fine : exitCodes.wrongUse;
    }
    if (cause instanceof U2SegError) {
      complain(cause.code, cause.message);
      return cause.code === 'wrong-usage' ? exitCodes.wrongUse : exitCodes.failed;
    }
    const system = cause as NodeJS.ErrnoException;
    if (typeof system.code === 'string' && typeof system.syscall === 'string') {
      complain('io', system.path === undefined ? system.message : `${system.path}: ${explainIoError(system)}.`);
      return exitCodes.failed;
    }
    complain(
      'defect',
      `this is a defect, please report it: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`,
    );
    return exitCodes.failed;
  }
}

function processStreams(): Pick<CommandContext, 'stdout' | 'stderr'> {
  // A reader that went away (`u2seg ... | head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitCodes.fine);
    throw error;
  });
  return {
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
  };
}
