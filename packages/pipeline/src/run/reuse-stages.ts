/** Stages that another run on the same photos has finished already: systems of an experiment differ in few settings. */
import { cp, link, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { PipelineConfig } from '../config/config.ts';
import type { StageName } from './stage-names.ts';
import { hashOf } from './hash.ts';
import type { RunDirectory } from './run-directory.ts';

/** Stages that can be taken over, in the order they run, each with the settings it adds to those before it. */
const settingsOf: readonly (readonly [StageName, after: StageName | undefined, (config: PipelineConfig) => unknown])[] =
  [
    ['images', undefined, ({ photos }) => photos],
    ['propose', 'images', ({ backbone, proposals, semantics }) => [backbone, proposals, semantics.maxGrid]],
    ['cluster', 'propose', ({ clustering, seed }) => [clustering, seed]],
    ['semantics', 'propose', ({ semantics, seed }) => [semantics, seed]],
  ];

/** For each stage that can be shared a key: runs on the same photos with the same key have the same stage. */
export function sharedStageKeys(config: PipelineConfig): ReadonlyMap<StageName, string> {
  const keys = new Map<StageName, string>();
  for (const [stage, after, settings] of settingsOf) {
    keys.set(stage, hashOf(stage, after === undefined ? null : keys.get(after)!, settings(config)));
  }
  return keys;
}

/**
 * Takes over finished stages of other runs, by hard links where the file system has them. Every stage still checks what it was made
 * from, so a stage that does not fit is made anew; files of runs are replaced, never changed, so the runs stay independent.
 *
 * @param from - run folder by stage
 * @returns the stages taken over; those the run has already are left alone
 */
export async function reuseStages(run: RunDirectory, from: ReadonlyMap<StageName, string>): Promise<StageName[]> {
  const adopted: StageName[] = [];
  for (const [stage, folder] of from) {
    const [source, target] = [join(folder, 'stages', stage), run.path('stages', stage)];
    if ((await exists(target)) || !(await exists(join(source, 'stage.json')))) continue;
    const partial = run.path('stages', `.${stage}.adopting`);
    await rm(partial, { recursive: true, force: true });
    await linkTree(source, partial);
    await rename(partial, target);
    adopted.push(stage);
  }
  return adopted;
}

async function linkTree(source: string, target: string): Promise<void> {
  await mkdir(target, { recursive: true });
  for (const entry of await readdir(source, { withFileTypes: true })) {
    const [from, to] = [join(source, entry.name), join(target, entry.name)];
    if (entry.isDirectory()) await linkTree(from, to);
    else await link(from, to).catch(() => cp(from, to));
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
