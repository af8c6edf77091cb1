import { jsonReporter } from '../progress/json-reporter.ts';
import { lineReporter } from '../progress/line-reporter.ts';
import type { Reporter } from '@u2seg/pipeline';
import { terminalReporter } from '../progress/terminal-reporter.ts';
import type { CommandContext } from './context.ts';

/** JSON with `--json`, a bar on a terminal, plain lines elsewhere. Progress goes to stderr, JSON events to stdout. */
export function createReporter(context: CommandContext): Reporter {
  if (context.json()) return jsonReporter((line) => context.stdout(`${line}\n`));
  if (process.stderr.isTTY) return terminalReporter(process.stderr, Date.now);
  return lineReporter((line) => context.stderr(`${line}\n`), Date.now);
}
