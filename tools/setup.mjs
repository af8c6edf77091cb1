// All set-up on a machine with Node and npm: dependencies, build, native parts. Safe to run again; does only what is missing.
//
//   npm run setup [-- --force]
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMain } from './is-main.mjs';

const root = fileURLToPath(new URL('../', import.meta.url));
const MINIMUM = [20, 19];

/** Runs a command in the project's root with its output shown; ends this process with its exit code when it fails. */
export function run(command, args, options = {}) {
  const child = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, NX_DAEMON: 'false', ...options.env },
  });
  if (child.error) fail(`${command} could not be started: ${child.error.message}`);
  if (child.status !== 0 && !options.mayFail)
    fail(`\`${[command, ...args].join(' ')}\` failed (exit code ${child.status ?? child.signal}).`);
  return child.status ?? 1;
}

function fail(message) {
  console.error(`setup: ${message}`);
  process.exit(1);
}

function installDependencies() {
  const lock = readFileSync(join(root, 'package-lock.json'));
  const digest = createHash('sha256').update(lock).update(process.version).digest('hex');
  const stamp = join(root, 'node_modules', '.u2seg-installed');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;
  console.error('setup: installing dependencies (npm ci)');
  const flags = ['--prefer-offline', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'];
  if (run('npm', ['ci', ...flags], { mayFail: true }) !== 0) {
    // A registry mirror that lacks another platform's optional package makes `npm ci` refuse the lock as a whole; the versions stay the lock's.
    console.error('setup: `npm ci` refused (see above); trying `npm install` with the same lock');
    run('npm', ['install', '--no-save', ...flags]);
  }
  writeFileSync(stamp, digest);
}

/** Dependencies, build and native parts. */
export async function setUp({ force = false } = {}) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < MINIMUM[0] || (major === MINIMUM[0] && minor < MINIMUM[1])) {
    fail(`Node ${MINIMUM.join('.')} or newer is needed, this is ${process.versions.node}.`);
  }
  installDependencies();
  console.error('setup: building');
  run('npx', ['--no-install', 'nx', 'run-many', '-t', 'build', '--output-style=static', '--verbose=false'], {
    env: { NX_TUI: 'false' },
  });
  const { setUpTensorflow } = await import('./native/tensorflow.mjs');
  const { setUpFaiss } = await import('./native/faiss.mjs');
  const log = (line) => console.error(`setup: ${line}`);
  console.error(`setup: ${(await setUpTensorflow({ force, log })).message}`);
  console.error(`setup: ${setUpFaiss({ force, log }).message}`);
}

if (isMain(import.meta.url)) await setUp({ force: process.argv.includes('--force') });
