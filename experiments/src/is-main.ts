import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Whether a module, by its `import.meta.url`, is the script Node was started with.
 *
 * Node resolves links in a module's URL and not in `process.argv[1]`: compared as they are, a study in a folder reached by a link
 * would do nothing and say nothing.
 */
export function isMain(url: string): boolean {
  const script = process.argv[1];
  try {
    return script !== undefined && realpathSync(script) === realpathSync(fileURLToPath(url));
  } catch {
    // Started from something that is no file.
    return false;
  }
}
