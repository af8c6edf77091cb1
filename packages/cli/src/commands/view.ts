import { spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import { U2SegError } from '@u2seg/core';
import type { CommandContext } from './context.ts';

export function registerView(program: Command, context: CommandContext): void {
  program
    .command('view')
    .description('show the report of a run')
    .argument('<run>', 'run folder')
    .option('--open', 'open it in the default browser')
    .action(async (run: string, { open }: { readonly open?: boolean }) => {
      const path = resolve(join(run, 'report.html'));
      if ((await stat(path).catch(() => undefined)) === undefined) {
        throw new U2SegError('not-found', `${path}: there is no report yet; u2seg fit writes it at its end.`);
      }
      const url = pathToFileURL(path).href;
      context.stdout(context.json() ? `${JSON.stringify({ report: url })}\n` : `${url}\n`);
      if (open === true) openInBrowser(url, context);
    });
}

function openInBrowser(url: string, context: CommandContext): void {
  const command = process.platform === 'darwin' ? 'open' : process.platform === 'win32' ? 'explorer' : 'xdg-open';
  const child = spawn(command, [url], { stdio: 'ignore', detached: true });
  child.on('error', () => context.stderr(`${command} is not there; open the address yourself.\n`));
  child.unref();
}
