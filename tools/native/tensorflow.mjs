// Gives @tensorflow/tfjs-node a libtensorflow where its own prebuilt download is out of reach (docs/decisions/0003).
//
//   node tools/native/tensorflow.mjs [--force]
//
// 1. `pip download` of the tensorflow-cpu wheel (one fixed file per processor, checked against its SHA-256);
// 2. unpack the two libraries and the C headers into the user's cache;
// 3. compile the package's own binding (two C++ files) against Node-API's headers;
// 4. place binding and libraries where the package looks for them, and multiply two matrices to prove it.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  createReadStream,
  createWriteStream,
  existsSync,
  linkSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { isMain } from '../is-main.mjs';

const TENSORFLOW_VERSION = '2.21.0';
/** SHA-256 of the wheels, as downloaded and hashed on the build machine; a processor without one is pinned on first download. */
const WHEELS = {
  x64: {
    platform: 'manylinux_2_27_x86_64',
    sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
  },
  arm64: { platform: 'manylinux_2_27_aarch64', sha256: undefined },
};
const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
const HEADERS = ['tensorflow/c/', 'tensorflow/core/platform/', 'xla/tsl/', 'tsl/'];

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Folder of @tensorflow/tfjs-node, or undefined when npm left the optional package out. */
export function tfjsNodeFolder() {
  const folder = join(root, 'node_modules', '@tensorflow', 'tfjs-node');
  return existsSync(join(folder, 'package.json')) ? folder : undefined;
}

/** What is in place, from a child process so that a broken library cannot take this one down. */
export function probeTensorflow() {
  const folder = tfjsNodeFolder();
  if (folder === undefined) return { works: false, reason: '@tensorflow/tfjs-node is not installed' };
  const script = `
    const util = require('node:util');
    util.isNullOrUndefined ??= (x) => x === null || x === undefined;
    util.isArray ??= Array.isArray;
    const tf = require(${JSON.stringify(folder)});
    const sum = tf.matMul(tf.ones([8, 8]), tf.ones([8, 8])).sum().dataSync()[0];
    process.stdout.write(JSON.stringify({ sum, version: tf.backend().binding.TF_Version }));`;
  const child = spawnSync(process.execPath, ['-e', script], {
    encoding: 'utf8',
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' },
    timeout: 120_000,
  });
  const answer = /\{"sum":512,"version":"([^"]*)"\}/u.exec(child.stdout ?? '');
  if (child.status === 0 && answer !== null) return { works: true, version: answer[1] };
  const reason =
    (child.stderr ?? '').split('\n').find((line) => /error|cannot|not found/iu.test(line)) ?? 'its library is missing';
  return { works: false, reason: reason.trim() };
}

async function sha256(path) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

function findPip() {
  for (const command of [['python3', '-m', 'pip'], ['pip3'], ['pip']]) {
    if (spawnSync(command[0], [...command.slice(1), '--version'], { stdio: 'ignore' }).status === 0) return command;
  }
  return undefined;
}

function findCompiler() {
  return [process.env.CXX, 'g++', 'clang++', 'c++'].find(
    (name) => name !== undefined && spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
  );
}

async function downloadWheel(pip, wheel, folder, log) {
  log(`downloading TensorFlow ${TENSORFLOW_VERSION} (about 275 MB) with pip`);
  const args = [
    'download',
    '--no-deps',
    '--only-binary=:all:',
    '--implementation',
    'cp',
    '--python-version',
    '311',
    '--abi',
    'cp311',
  ];
  const child = spawnSync(
    pip[0],
    [
      ...pip.slice(1),
      ...args,
      '--platform',
      wheel.platform,
      '--disable-pip-version-check',
      '-d',
      folder,
      `tensorflow-cpu==${TENSORFLOW_VERSION}`,
    ],
    { stdio: ['ignore', process.stderr.isTTY ? 'inherit' : 'pipe', 'pipe'], encoding: 'utf8' },
  );
  if (child.status !== 0)
    throw new Error(`pip could not download tensorflow-cpu: ${(child.stderr ?? '').trim().split('\n').pop()}`);
  const name = readdirSync(folder).find((file) => file.endsWith('.whl'));
  if (name === undefined) throw new Error('pip reported success but left no wheel');
  return join(folder, name);
}

async function unpack(wheelPath, target) {
  const { default: yauzl } = await import('yauzl');
  const { default: cliProgress } = await import('cli-progress');
  const zip = await new Promise((resolve, reject) =>
    yauzl.open(wheelPath, { lazyEntries: true, autoClose: true }, (error, file) =>
      error ? reject(error) : resolve(file),
    ),
  );
  const bar = process.stderr.isTTY
    ? new cliProgress.SingleBar(
        { format: 'unpacking |{bar}| {percentage}% {eta_formatted}', stream: process.stderr },
        cliProgress.Presets.rect,
      )
    : undefined;
  bar?.start(zip.entryCount, 0);
  await new Promise((resolve, reject) => {
    zip.on('error', reject);
    zip.on('end', resolve);
    zip.on('entry', (entry) => {
      bar?.increment();
      const name = entry.fileName;
      const library = LIBRARIES.find((file) => name === `tensorflow/${file}`);
      const header = /^tensorflow\/include\/(.*\.h)$/u.exec(name)?.[1];
      const wanted =
        library !== undefined
          ? join('lib', library)
          : header !== undefined && HEADERS.some((prefix) => header.startsWith(prefix))
            ? join('include', header)
            : undefined;
      if (wanted === undefined || wanted.includes('..')) {
        zip.readEntry();
        return;
      }
      const out = join(target, wanted);
      mkdirSync(dirname(out), { recursive: true });
      zip.openReadStream(entry, (error, stream) => {
        if (error) return reject(error);
        pipeline(stream, createWriteStream(out)).then(() => zip.readEntry(), reject);
      });
    });
    zip.readEntry();
  });
  bar?.stop();
}

function place(from, to) {
  rmSync(to, { force: true });
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

function compile(compiler, folder, deps, out) {
  const headers = join(root, 'node_modules', 'node-api-headers', 'include');
  execFileSync(
    compiler,
    [
      '-shared',
      '-fPIC',
      '-O2',
      '-std=c++17',
      '-w',
      '-DNAPI_VERSION=8',
      '-DNODE_GYP_MODULE_NAME=tfjs_binding',
      `-I${headers}`,
      `-I${join(deps, 'include')}`,
      `-I${join(folder)}`,
      join(folder, 'binding', 'tfjs_backend.cc'),
      join(folder, 'binding', 'tfjs_binding.cc'),
      `-L${join(deps, 'lib')}`,
      '-l:libtensorflow_cc.so.2',
      '-l:libtensorflow_framework.so.2',
      '-Wl,-rpath,$ORIGIN/../../deps/lib',
      '-o',
      out,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' },
  );
}

/**
 * Makes tfjs-node work, or says in one sentence why it cannot.
 *
 * @returns {Promise<{ works: boolean, message: string }>}
 */
export async function setUpTensorflow({ force = false, log = () => {} } = {}) {
  const folder = tfjsNodeFolder();
  if (folder === undefined)
    return {
      works: false,
      message: 'TensorFlow: @tensorflow/tfjs-node is not installed (npm install --include=optional brings it).',
    };
  if (!force) {
    const probe = probeTensorflow();
    if (probe.works) return { works: true, message: `TensorFlow ${probe.version}: in place.` };
  }
  const wheel = process.platform === 'linux' ? WHEELS[process.arch] : undefined;
  const pip = findPip();
  const compiler = findCompiler();
  const missing = [
    wheel ? undefined : `a wheel for ${process.platform}-${process.arch}`,
    pip ? undefined : 'pip (python3-pip)',
    compiler ? undefined : 'a C++ compiler (g++)',
  ].filter(Boolean);
  if (missing.length > 0) {
    const install = wheel === undefined ? undefined : `install ${missing.join(' and ')}`;
    return await fallBack(folder, `building the binding needs ${missing.join(' and ')}`, install, log);
  }
  const { default: envPaths } = await import('env-paths');
  const cache = writableFolder([
    join(envPaths('u2seg', { suffix: '' }).cache, 'native'),
    // where the home folder is not ours to write
    join(root, 'node_modules', '.cache', 'u2seg', 'native'),
  ]);
  if (cache === undefined)
    return await fallBack(
      folder,
      'neither the user’s cache nor node_modules can be written',
      'make one of them writable',
      log,
    );
  const kept = join(cache, `tensorflow-cpu-${TENSORFLOW_VERSION}-${wheel.platform}`);
  try {
    if (!existsSync(join(kept, 'wheel.json'))) {
      const work = mkdtempSync(join(cache, 'download-'));
      try {
        const path = await downloadWheel(pip, wheel, work, log);
        const digest = await sha256(path);
        if (wheel.sha256 !== undefined && digest !== wheel.sha256) {
          throw new Error(`the wheel's SHA-256 is ${digest}, expected ${wheel.sha256}; nothing of it was used`);
        }
        log('unpacking its libraries (850 MB)');
        const staged = join(work, 'unpacked');
        await unpack(path, staged);
        for (const library of LIBRARIES) {
          if (!existsSync(join(staged, 'lib', library))) throw new Error(`the wheel holds no ${library}`);
        }
        writeFileSync(
          join(staged, 'wheel.json'),
          JSON.stringify({
            version: TENSORFLOW_VERSION,
            platform: wheel.platform,
            sha256: digest,
            pinned: wheel.sha256 === undefined,
          }),
        );
        rmSync(kept, { recursive: true, force: true });
        renameSync(staged, kept);
      } finally {
        rmSync(work, { recursive: true, force: true });
      }
    }
    log('compiling the binding');
    mkdirSync(join(folder, 'deps', 'lib'), { recursive: true });
    mkdirSync(join(folder, 'lib', 'napi-v8'), { recursive: true });
    for (const library of LIBRARIES) place(join(kept, 'lib', library), join(folder, 'deps', 'lib', library));
    const binding = join(folder, 'lib', 'napi-v8', 'tfjs_binding.node');
    compile(compiler, folder, kept, `${binding}.tmp`);
    renameSync(`${binding}.tmp`, binding);
  } catch (error) {
    const why = (error.stderr || error.message).toString().trim().split('\n')[0];
    return await fallBack(folder, why, 'put that right', log);
  }
  const probe = probeTensorflow();
  return probe.works
    ? {
        works: true,
        message: `TensorFlow ${probe.version}: built from the tensorflow-cpu wheel (${JSON.parse(readFileSync(join(kept, 'wheel.json'), 'utf8')).sha256.slice(0, 12)}).`,
      }
    : { works: false, message: `TensorFlow: built, but it does not load: ${probe.reason}.` };
}

/** The first of the folders that is there, or can be made, and can be written; undefined where none is. */
function writableFolder(folders) {
  return folders.find((folder) => {
    try {
      mkdirSync(folder, { recursive: true });
      accessSync(folder, constants.W_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The package's own prebuilt download, for networks that reach it; `remedy` is what makes building possible. */
async function fallBack(folder, why, remedy, log) {
  log(`${why}; trying the package's own download`);
  const child = spawnSync(process.execPath, [join('scripts', 'install.js')], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 300_000,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const probe = child.status === 0 ? probeTensorflow() : { works: false };
  if (probe.works) return { works: true, message: `TensorFlow ${probe.version}: the package's own download.` };
  return {
    works: false,
    message: `TensorFlow: not available (${why}; the package's own download failed too). Training runs on the wasm backend, several times slower.${remedy === undefined ? '' : ` To get the faster one: ${remedy}, then \`npm run setup\`.`}`,
  };
}

if (isMain(import.meta.url)) {
  const result = await setUpTensorflow({
    force: process.argv.includes('--force'),
    log: (line) => console.error(`tensorflow: ${line}`),
  });
  console.error(result.message);
}
