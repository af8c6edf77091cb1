/** `npx vitest` in the root: the tests of all packages, each with its own configuration. */
import { defineConfig } from 'vitest/config';

export default defineConfig({ test: { projects: ['packages/*', 'experiments', 'benchmarks'] } });
