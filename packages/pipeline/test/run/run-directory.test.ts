import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { pipelinePresets } from '../../src/config/presets.ts';
import { RunDirectory } from '../../src/run/run-directory.ts';

const config = pipelinePresets.tiny;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'u2seg-run-'));
});

describe('RunDirectory', () => {
  it('opens again with the same photos and configuration, whatever the report looks like', async () => {
    await (await RunDirectory.open(folder, '/photos', config)).close();
    await (await RunDirectory.open(folder, '/photos', { ...config, report: { maxPhotos: 1, exemplars: 1 } })).close();
  });

  it('refuses another configuration and says what differs', async () => {
    await (await RunDirectory.open(folder, '/photos', config)).close();
    const other = { ...config, clustering: { ...config.clustering, k: 31 } };
    await expect(RunDirectory.open(folder, '/photos', other)).rejects.toThrow(
      `clustering.k: ${config.clustering.k} there, 31 here`,
    );
  });

  it('refuses other photos and a folder of other files, and leaves both alone', async () => {
    await (await RunDirectory.open(folder, '/photos', config)).close();
    await expect(RunDirectory.open(folder, '/others', config)).rejects.toThrow(/holds a run on .*photos.*others/u);
    const used = await mkdtemp(join(tmpdir(), 'u2seg-used-'));
    await writeFile(join(used, 'thesis.txt'), 'mine');
    await expect(RunDirectory.open(used, '/photos', config)).rejects.toThrow(/thesis\.txt/u);
    expect(await readFile(join(used, 'thesis.txt'), 'utf8')).toBe('mine');
  });

  it('refuses a run another process works on, and takes over the lock of a dead one', async () => {
    const lock = join(folder, 'run.lock');
    // process 1 is always there
    await writeFile(lock, JSON.stringify({ pid: 1, host: hostname() }));
    await expect(RunDirectory.open(folder, '/photos', config)).rejects.toThrow(
      /process 1 on .* is working on this run/u,
    );
    await writeFile(lock, JSON.stringify({ pid: 2 ** 22 - 3, host: hostname() }));
    await (await RunDirectory.open(folder, '/photos', config)).close();
    // cut off while it was written
    await writeFile(lock, '{"pi');
    await (await RunDirectory.open(folder, '/photos', config)).close();
  });

  it('knows a finished stage by its inputs', async () => {
    const run = await RunDirectory.open(folder, '/photos', config);
    const schema = z.object({ photos: z.number() });
    expect(await run.finished('images', 'a', schema)).toBeUndefined();
    await run.finish('images', 'a', { photos: 3 });
    expect(await run.finished('images', 'a', schema)).toEqual({ photos: 3 });
    expect(await run.finished('images', 'b', schema)).toBeUndefined();
    await run.close();
  });
});
