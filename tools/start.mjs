// All set-up, then the main job: synthetic scenes without arguments, a folder of photos with one.
//
//   npm start                      render scenes, run the whole pipeline on them, print metrics
//   npm start -- photos/ [flags]   run it on a folder of your own (flags as in `u2seg fit --help`)
import { run, setUp } from './setup.mjs';

await setUp();
const args = process.argv.slice(2);
run(process.execPath, ['packages/cli/bin/u2seg.js', ...(args.length === 0 ? ['demo'] : ['fit', ...args])]);
