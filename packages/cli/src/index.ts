export { main, exitCodes } from './main.ts';
export { createProgram } from './program.ts';
export type { CommandContext } from './commands/context.ts';
export { jsonReporter } from './progress/json-reporter.ts';
export { lineReporter } from './progress/line-reporter.ts';
export { terminalReporter } from './progress/terminal-reporter.ts';
