#!/usr/bin/env node
// The launcher. Node 12 must be able to parse this file, so that an old Node answers with a clear line and not with a
// syntax error. neo itself needs Node 24: where this Node is older, the one of the `node` package runs instead.
'use strict';

const fs = require('fs');
const os = require('os');
const path = require('path');
const url = require('url');

const NEEDED = 24;

function fail(message) {
  process.stderr.write(`neo: ${message}\n`);
  process.exit(1);
}

/**
 * Compiled code is kept in the user's own cache folder. Not in Node's default, a folder of a known name in the shared
 * /tmp: whoever creates it first could hand us code. For the same reason not below a home that belongs to another user.
 */
function enableCompileCache() {
  try {
    const base = process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache');
    const owner = fs.statSync(process.env.XDG_CACHE_HOME || os.homedir()).uid;
    if (process.getuid && process.getuid() !== owner) return;
    require('module').enableCompileCache(path.join(base, 'neo', 'compile'));
  } catch (_error) {
    // No home, or not writable: start without the cache.
  }
}

function runHere() {
  const main = path.join(__dirname, '..', 'dist', 'cli', 'main.js');
  if (!fs.existsSync(main)) fail('not built yet: run `npm run build`');
  enableCompileCache();
  import(url.pathToFileURL(main).href).then(
    (module) => module.main(process.argv.slice(2)),
    (error) => fail(`cannot start: ${error && error.message}`),
  );
}

function packagedNode() {
  const names = process.platform === 'win32' ? ['node/bin/node.exe', 'node/bin/node'] : ['node/bin/node'];
  for (const name of names) {
    try {
      return require.resolve(name);
    } catch (_error) {
      // Try the next name.
    }
  }
  return undefined;
}

/**
 * Runs this file again under the packaged Node. Signals are passed on; Ctrl-C on a terminal reaches the child twice
 * then (the terminal signals the whole group), which `src/cli/interrupt.ts` counts as one.
 */
function runWith(node) {
  const child = require('child_process').spawn(node, [__filename].concat(process.argv.slice(2)), { stdio: 'inherit' });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'];
  const forward = (signal) => child.kill(signal);
  for (const signal of signals) process.on(signal, forward);
  child.on('error', (error) => fail(`cannot run ${node}: ${error.message}`));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    for (const name of signals) process.removeListener(name, forward);
    process.kill(process.pid, signal);
    // Where the signal does not end this process, the usual number does.
    setTimeout(() => process.exit(128 + (os.constants.signals[signal] || 0)), 100);
  });
}

if (parseInt(process.versions.node, 10) >= NEEDED) {
  runHere();
} else {
  const node = packagedNode();
  if (node === undefined) {
    fail(`needs Node ${NEEDED} or later; this is ${process.version}, and the \`node\` package is not installed`);
  }
  runWith(node);
}
