import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compiledModuleUrl } from '../src/index.ts';

/** The compiled twin where exactly these folders hold a package.json. */
const twin = (href: string, ...packages: readonly string[]): string =>
  compiledModuleUrl(new URL(href), (folder) => packages.includes(folder.href)).href;

describe('compiledModuleUrl', () => {
  it('leaves a compiled module alone, wherever it lies', () => {
    for (const href of [
      'file:///usr/src/app/node_modules/@u2seg/x/dist/a.js',
      'file:///home/me/src/u2seg/packages/x/src/a.js',
      'file:///a/src/b.mjs?v=1',
    ]) {
      expect(twin(href)).toBe(href);
      expect(twin(href, 'file:///usr/src/app/', 'file:///home/me/src/u2seg/packages/x/')).toBe(href);
    }
  });

  it('names the .js beside a .ts that compiled code asks for', () => {
    const root = 'file:///usr/src/app/node_modules/@u2seg/x/';
    expect(twin(`${root}dist/a/b.ts`, root)).toBe(`${root}dist/a/b.js`);
    expect(twin(`${root}dist/sub/src/b.ts`, root, 'file:///usr/src/app/')).toBe(`${root}dist/sub/src/b.js`);
    expect(twin(`${root}dist/src.ts`, root)).toBe(`${root}dist/src.js`);
  });

  it('changes the src of the package, not one above it', () => {
    const root = 'file:///home/me/src/u2seg/packages/x/';
    expect(twin(`${root}src/a/b.ts`, root, 'file:///home/me/src/u2seg/')).toBe(`${root}dist/a/b.js`);
  });

  it('changes the src of the package, not one beneath it', () => {
    const root = 'file:///home/me/packages/x/';
    expect(twin(`${root}src/sub/src/y.ts`, root)).toBe(`${root}dist/sub/src/y.js`);
  });

  it('changes no folder of a package that keeps its sources elsewhere', () => {
    expect(twin('file:///usr/src/app/worker.ts', 'file:///usr/src/app/')).toBe('file:///usr/src/app/worker.js');
    expect(twin('file:///usr/src/app/lib/src/a.ts', 'file:///usr/src/app/')).toBe('file:///usr/src/app/lib/src/a.js');
  });

  it('goes by the last src or dist where no folder is a package', () => {
    expect(twin('file:///usr/src/app/x/dist/a.ts')).toBe('file:///usr/src/app/x/dist/a.js');
    expect(twin('file:///home/me/src/u2seg/packages/x/src/a/b.ts')).toBe(
      'file:///home/me/src/u2seg/packages/x/dist/a/b.js',
    );
    expect(twin('file:///home/me/source/dist.d/a.ts')).toBe('file:///home/me/source/dist.d/a.js');
  });

  it('keeps drives, hosts, queries, fragments and percent signs', () => {
    const drive = 'file:///C:/src/u2seg/packages/x/';
    expect(twin(`${drive}src/a.ts?v=3&at=/src/b.ts#c`, drive)).toBe(`${drive}dist/a.js?v=3&at=/src/b.ts#c`);
    const share = 'file://server/src/x/';
    expect(twin(`${share}src/a.ts`, share)).toBe(`${share}dist/a.js`);
    const spaces = 'file:///home/mit%20leerzeichen/src/%C3%BCml%C3%A4ut%23%3F%25/';
    expect(twin(`${spaces}src/a%20b.ts`, spaces)).toBe(`${spaces}dist/a%20b.js`);
  });

  it('reads the folders by itself', async () => {
    const root = join(await mkdtemp(join(tmpdir(), 'u2seg-twin-')), 'src', 'mit leerzeichen', 'ümlaut #1');
    await mkdir(join(root, 'src', 'sub', 'src'), { recursive: true });
    await writeFile(join(root, 'package.json'), '{}');
    expect(compiledModuleUrl(pathToFileURL(join(root, 'src', 'sub', 'src', 'y.ts')))).toEqual(
      pathToFileURL(join(root, 'dist', 'sub', 'src', 'y.js')),
    );
  });

  it('always ends in .js and changes one step at most', () => {
    const step = fc.constantFrom('src', 'dist', 'usr', 'x', 'ümlaut', 'mit leerzeichen');
    const path = fc.array(step, { minLength: 1, maxLength: 7 });
    fc.assert(
      fc.property(path, fc.nat(7), (steps, depth) => {
        const url = pathToFileURL(`/${steps.join('/')}/a.ts`);
        const before = url.pathname.split('/');
        const root = `${before.slice(0, 1 + Math.min(depth, steps.length)).join('/')}/`;
        const after = compiledModuleUrl(url, (folder) => folder.pathname === root).pathname.split('/');
        expect(after.pop()).toBe('a.js');
        const changed = after.flatMap((one, i) => (one === before[i] ? [] : [[before[i], one]]));
        expect([[], [['src', 'dist']]]).toContainEqual(changed);
      }),
    );
  });
});
