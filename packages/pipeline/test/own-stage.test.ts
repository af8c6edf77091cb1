import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  fitFolder,
  proposeStage,
  runStage,
  silentReporter,
  stages,
  type FitOptions,
  type PartialConfig,
  type Stage,
} from '@u2seg/pipeline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { labelsOnly, scenesIn } from './small-run.ts';

let counted = 0;

/** A stage of a user's own: one object, and one row in the list of stages. */
const countStage: Stage<number> = {
  name: 'count',
  title: 'Counting',
  needs: [proposeStage],
  run: ({ run, results }) => {
    const { inputsHash, counts } = results.of(proposeStage);
    const work = async (): Promise<number> => {
      counted += 1;
      return counts.proposals;
    };
    return runStage({ run }, { name: 'count', inputsHash, result: z.number(), work });
  },
  describe: (count) => `${count} proposals`,
  reportLines: (results) => [{ items: results.of(countStage), detail: 'proposals counted once more' }],
  summary: (results) => results.get(countStage),
  warnings: (results) => [`counted ${results.of(countStage)}`],
};

let scenes: Awaited<ReturnType<typeof scenesIn>>;
beforeAll(async () => void (scenes = await scenesIn('own-stage')));
afterAll(() => rm(scenes.root, { recursive: true, force: true }));

const fit = (out: string, more: Partial<FitOptions> = {}): ReturnType<typeof fitFolder> =>
  fitFolder({ photos: scenes.imageFolder, out: join(scenes.root, out), config: labelsOnly, workers: 1, ...more });

describe('a stage of one’s own', () => {
  it('runs in its place, is stored, named in summary, report and warnings, and is not done again', async () => {
    const own = [...stages.filter(({ name }) => name !== 'report'), countStage, ...stages.slice(-1)];
    const said: string[] = [];
    const reporter = {
      ...silentReporter,
      end: (stage: string, detail: string) => void said.push(`${stage}: ${detail}`),
    };
    const first = await fit('own', { stages: own, reporter });
    const { proposals } = first.proposals!.counts;
    expect(proposals).toBeGreaterThan(0);
    expect(first.results.get(countStage)).toBe(proposals);
    expect(said).toContain(`count: ${proposals} proposals`);
    expect(first.warnings).toContain(`counted ${proposals}`);
    expect(JSON.parse(await readFile(first.summaryPath!, 'utf8'))).toMatchObject({ stages: { count: proposals } });
    expect(await readFile(first.reportPath!, 'utf8')).toContain('proposals counted once more');
    expect(JSON.parse(await readFile(join(first.folder, 'stages/count/stage.json'), 'utf8'))).toMatchObject({
      result: proposals,
    });
    await fit('own', { stages: own });
    expect(counted).toBe(1);
  });

  it('changes nothing of a run without it', async () => {
    const [without, again] = [await fit('without'), await fit('again')];
    expect(await readFile(without.summaryPath!, 'utf8')).toBe(await readFile(again.summaryPath!, 'utf8'));
  });

  it('is left out where what it needs was not reached', async () => {
    const early = await fit('early', { stages: [stages[0]!, countStage] });
    expect(early.results.has(countStage)).toBe(false);
  });
});

describe('fitFolder', () => {
  it('ends after the stage asked for', async () => {
    const result = await fit('until', { until: 'propose' });
    expect(result.proposals?.counts.photos).toBe(5);
    expect([result.instances, result.summaryPath, result.reportPath]).toEqual([undefined, undefined, undefined]);
  });

  it('names the stages there are for one there is not', async () => {
    await expect(fit('wrong', { until: 'clusters' })).rejects.toMatchObject({
      code: 'wrong-usage',
      message: expect.stringMatching(/until must be one of images, propose, cluster, .*, got clusters/u),
    });
  });

  it('refuses a setting there is not, at compile time and for plain JavaScript', async () => {
    // @ts-expect-error a misspelled setting does not compile
    const config: PartialConfig = { clustering: { kk: 3 } };
    await expect(fit('misspelled', { config })).rejects.toMatchObject({
      code: 'wrong-usage',
      message: expect.stringMatching(/there is no setting clustering\.kk\. Did you mean clustering\.k\?/u),
    });
  });
});
