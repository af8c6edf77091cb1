import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import type { CommandContext } from './commands/context.ts';
import { registerCompare } from './commands/compare.ts';
import { registerConvert } from './commands/convert.ts';
import { registerDatasets } from './commands/datasets.ts';
import { registerDemo } from './commands/demo.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerEvaluate } from './commands/evaluate.ts';
import { registerExport } from './commands/export.ts';
import { registerFineTune } from './commands/fine-tune.ts';
import { registerFit } from './commands/fit.ts';
import { registerPredict } from './commands/predict.ts';
import { registerRunExperiment } from './commands/run-experiment.ts';
import { registerTable } from './commands/table.ts';
import { registerView } from './commands/view.ts';

/** The command line; `output` is where its own help and complaints go. */
export function createProgram(output: Pick<CommandContext, 'stdout' | 'stderr'>): Command {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const program = new Command('u2seg')
    .description(
      'Unsupervised universal image segmentation: from unlabelled photos to instances, semantics and panoptic maps.',
    )
    .version(version)
    .option('--json', 'one JSON object a line on stdout, for programs')
    .configureOutput({ writeOut: output.stdout, writeErr: output.stderr })
    .showSuggestionAfterError()
    .showHelpAfterError('(u2seg <command> --help shows what there is)')
    .exitOverride();
  const context: CommandContext = { ...output, json: () => program.opts<{ json?: boolean }>().json === true };
  registerFit(program, context);
  registerDemo(program, context);
  registerEvaluate(program, context);
  registerCompare(program, context);
  registerRunExperiment(program, context);
  registerTable(program, context);
  registerFineTune(program, context);
  registerPredict(program, context);
  registerExport(program, context);
  registerConvert(program, context);
  registerDatasets(program, context);
  registerView(program, context);
  registerDoctor(program, context);
  // Flags of the program may stand behind a command's name, as people write them.
  for (const command of allCommands(program)) {
    command.exitOverride();
    if (!command.options.some(({ long }) => long === '--json')) {
      command.option('--json', 'one JSON object a line on stdout, for programs');
      command.hook('preAction', (_, action) => {
        if (action.opts<{ json?: boolean }>().json === true) program.setOptionValue('json', true);
      });
    }
  }
  return program;
}

function allCommands(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...allCommands(child)]);
}
