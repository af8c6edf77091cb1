// Runs `u2seg` on a disk of its own that fills up at chosen moments; prints what happened as JSON.
//
//   unshare --mount --map-root-user node fill-disk.mjs '{ "mount", "copy", "bin", "args", "moments": [[name, pattern, bytes left]] }'
//
// The disk is a tmpfs in this process's own mount namespace, so it is gone with it. At a moment the command is stopped, a file
// takes all but the bytes left, and the command goes on; the file is removed before the same command runs again.
import { execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

const { mount, copy, bin, args, moments } = JSON.parse(process.argv[2]);
mkdirSync(mount, { recursive: true });
execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256m', 'tmpfs', mount]);
const out = join(mount, 'run');
const ballast = join(mount, 'ballast');

function fill(leave) {
  const { bavail, bsize } = statfsSync(mount);
  let rest = bavail * bsize - leave;
  const file = openSync(ballast, 'w');
  const block = new Uint8Array(2 ** 20);
  while (rest > 0) rest -= writeSync(file, block, 0, Math.min(rest, block.length));
  closeSync(file);
}

function run(pattern, leave) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [bin, ...args, '--out', out], { env: { ...process.env, NODE_OPTIONS: '' } });
    let stdout = '';
    let stderr = '';
    let filled = false;
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
      if (filled || pattern === undefined || !pattern.test(stdout)) return;
      filled = true;
      child.kill('SIGSTOP');
      fill(leave);
      child.kill('SIGCONT');
    });
    child.stderr.on('data', (chunk) => (stderr += chunk));
    child.on('close', (code) => resolve({ code, filled, stderr, last: stdout.trim().split('\n').at(-1) }));
  });
}

const attempts = [];
for (const [name, pattern, leave] of moments) {
  const attempt = await run(new RegExp(pattern, 'su'), leave);
  rmSync(ballast, { force: true });
  cpSync(out, join(copy, name), { recursive: true });
  attempts.push({ name, ...attempt });
}
const last = await run();
const summary = join(out, 'summary.json');
process.stdout.write(
  JSON.stringify({ attempts, last, summary: existsSync(summary) ? readFileSync(summary, 'utf8') : undefined }),
);
