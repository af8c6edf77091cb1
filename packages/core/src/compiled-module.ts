import { existsSync } from 'node:fs';

/**
 * URL of a module's compiled twin, for worker threads, which cannot run TypeScript on Node 20.
 *
 * `new URL('./worker.ts', import.meta.url)` names a source under `src/` (tests, editors) and, once compiled, a file under
 * `dist/` that is not there: the compiler leaves URLs alone. Both become the `.js` file under `dist/`. The `src` that
 * counts is the package's own, directly beneath the nearest folder with a package.json: folders above a project may be
 * called `src` too (`/usr/src/app`), and so may folders of its sources. Where no folder has a package.json, the last
 * `src` or `dist` of the path decides.
 *
 * @param url - of a `.ts` file; any other URL comes back as it is. Query and fragment stay.
 * @param isPackage - whether a folder, whose URL ends in `/`, holds a package.json; asked from the nearest one upwards
 */
export function compiledModuleUrl(url: URL, isPackage: (folder: URL) => boolean = holdsManifest): URL {
  if (!url.pathname.endsWith('.ts')) return url;
  // Percent-encoded, so that every slash separates: [ '', 'home', 'me', 'x', 'src', 'a.ts' ].
  const steps = url.pathname.split('/');
  const source = sourceStep(url, steps, isPackage);
  if (source !== undefined) steps[source] = 'dist';
  const compiled = new URL(url);
  compiled.pathname = steps.join('/').replace(/\.ts$/u, '.js');
  return compiled;
}

/** Index of the step that is the package's own `src`; undefined for a file that lies elsewhere in it. */
function sourceStep(url: URL, steps: readonly string[], isPackage: (folder: URL) => boolean): number | undefined {
  for (let first = steps.length - 1; first > 0; first -= 1) {
    const folder = new URL(url);
    folder.pathname = `${steps.slice(0, first).join('/')}/`;
    folder.search = '';
    folder.hash = '';
    // A file directly beneath the package's folder is no folder of that name: its step ends in `.ts`.
    if (isPackage(folder)) return steps[first] === 'src' ? first : undefined;
  }
  const last = steps.findLastIndex((step) => step === 'src' || step === 'dist');
  return steps[last] === 'src' ? last : undefined;
}

function holdsManifest(folder: URL): boolean {
  return existsSync(new URL('package.json', folder));
}
