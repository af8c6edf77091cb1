/** uPlot's script, style and licence, read from the installed package. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

export interface UplotAsset {
  readonly script: string;
  readonly style: string;
  readonly licence: string;
}

export async function readUplot(): Promise<UplotAsset> {
  const resolve = createRequire(import.meta.url).resolve;
  const read = async (path: string): Promise<string> => {
    const text = await readFile(resolve(`uplot/${path}`), 'utf8');
    return text.replace(/\r\n?/g, '\n').trim();
  };
  const [script, style, licence] = await Promise.all([
    read('dist/uPlot.iife.min.js'),
    read('dist/uPlot.min.css'),
    read('LICENSE'),
  ]);
  return { script, style, licence };
}
