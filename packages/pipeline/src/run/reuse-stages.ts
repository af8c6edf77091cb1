/** Stages that another run on the same photos has finished already: systems of an experiment differ in few settings. */
import { cp, link, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { PipelineConfig } from '../config/config.ts';
import { hashOf } from './hash.ts';
import type { RunDirectory } from './run-directory.ts';
import type { Stage } from './stage.ts';

/** For each stage that can be shared a key: runs on the same photos with the same key have the same stage. */
export function sharedStageKeys(stages: readonly Stage[], config: PipelineConfig): ReadonlyMap<string, string> {
  const keys = new Map<string, string>();
  for (const { name, reuse } of stages) {
    if (reuse === undefined) continue;
    const before = reuse.after === undefined ? null : (keys.get(reuse.after.name) ?? null);
    keys.set(name, hashOf(name, before, reuse.settings(config)));
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
export async function reuseStages(run: RunDirectory, from: ReadonlyMap<string, string>): Promise<string[]> {
  const reused: string[] = [];
  for (const [stage, folder] of from) {
    const [source, target] = [join(folder, 'stages', stage), run.path('stages', stage)];
    if ((await exists(target)) || !(await exists(join(source, 'stage.json')))) continue;
    const partial = run.path('stages', `.${stage}.reusing`);
    await rm(partial, { recursive: true, force: true });
    await linkTree(source, partial);
    await rename(partial, target);
    reused.push(stage);
  }
  return reused;
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
