import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { u2seg } from './run-cli.ts';
import { smallRun, summaryOf } from './small-run.ts';

let root: string;
let args: readonly string[];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'u2seg-resume-'));
  args = await smallRun(root);
});

/** Where to kill: when this much of the JSON events was printed. One for each stage. */
const moments: readonly (readonly [string, RegExp])[] = [
  ['images', /"begin","stage":"images"/u],
  ['propose', /"stage":"propose","done":17/u],
  ['cluster', /"begin","stage":"cluster"/u],
  ['semantics: training', /"stage":"stego","done":105/u],
  ['semantics: maps', /"stage":"semantics","done":17/u],
  ['merge', /"begin","stage":"merge"/u],
  ['labels', /"stage":"write labels","done":9/u],
  ['train', /"stage":"train","done":3/u],
  ['rounds: relabelling', /"stage":"relabel","done":9/u],
  ['rounds: training', /"begin","stage":"rounds".*"stage":"train","done":1/su],
  ['contours', /"stage":"contours","done":3/u],
  ['predict', /"stage":"predict","done":17/u],
  ['evaluate', /"begin","stage":"evaluate"/u],
  ['report', /"begin","stage":"report"/u],
];

describe('u2seg fit', () => {
  it('killed in every stage and started again, gives the summary of an undisturbed run; run twice, the same', async () => {
    const wanted = await summaryOf(args, join(root, 'whole'));
    const out = join(root, 'killed');
    const missed: string[] = [];
    for (const [moment, killWhen] of moments) {
      const { signal, code, stderr } = await u2seg([...args, '--out', out], { killWhen });
      if (signal !== 'SIGKILL') missed.push(moment);
      if (code !== null) expect(code, stderr).toBe(0);
    }
    // The last stages may be over before the signal arrives.
    expect(missed.filter((moment) => !['evaluate', 'report'].includes(moment))).toEqual([]);
    expect(await summaryOf(args, out)).toBe(wanted);
    expect(await summaryOf(args, join(root, 'whole'))).toBe(wanted);
  }, 1_800_000);
});
