import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/**
 * What every package's Vitest run shares. Tests read the TypeScript sources of the other packages through the
 * `@u2seg/source` condition; `forks` keeps native add-ons (onnxruntime, tfjs-node, sharp) in one realm.
 */
const conditions = ['@u2seg/source'];

export default defineConfig({
  resolve: { conditions: [...conditions, 'module', 'node', 'development|production'] },
  ssr: { resolve: { conditions: [...conditions, 'module', 'node', 'development|production'] } },
  test: {
    include: ['test/**/*.test.ts'],
    passWithNoTests: true,
    pool: 'forks',
    maxWorkers: 2,
    // Far more than any test needs: a machine that does other work too must not fail one.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    setupFiles: [fileURLToPath(new URL('packages/testing/src/setup.ts', import.meta.url))],
    reporters: ['default', 'json'],
    outputFile: { json: '.vitest/results.json' },
  },
});
