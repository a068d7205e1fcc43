// Makes a certificate authority, which node only takes at its start, and runs the tests with it.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeCertificate } from '../e2e/lib/stack.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const tests = path.dirname(here);

function installPackages() {
  const wanted = Object.keys(JSON.parse(fs.readFileSync(path.join(tests, 'package.json'))).dependencies);
  if (wanted.every((name) => fs.existsSync(path.join(tests, 'node_modules', name, 'package.json')))) return;
  const { status } = spawnSync('npm', ['install', '--prefix', tests, '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], { stdio: 'inherit', timeout: 120_000 });
  if (status !== 0) throw new Error('npm could not install the packages of tests/package-lock.json');
}

function runTests(directory, ca) {
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: ca, ERGSYNC_OFFICIAL: directory };
  const child = spawn(process.execPath, ['--test', '--test-reporter=spec', path.join(here, 'clients.test.mjs')], { stdio: 'inherit', env });
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => child.kill(signal));
  return new Promise((done) => child.on('exit', (code) => done(code ?? 1)));
}

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ergsync-official-'));
try {
  installPackages();
  process.exitCode = await runTests(directory, makeCertificate(directory).ca);
} finally {
  fs.rmSync(directory, { recursive: true, force: true });
}
