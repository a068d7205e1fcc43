// How many notifications a second reach the disk: ergsync-listener, nginx answering a constant 202, and a durable Node receiver, on this
// machine, in this run, with the same client, certificate and bodies. The server has one core, the client another.
//
// node intake.mjs --build DIR [--seconds 3] [--only ergsync,nginx,node] [--cells 1x512,50x64] [--json]
//
// nginx's "return 202" reads each body off its connection and throws it away: the least an HTTPS server can do for it.
// DIR is a release build. Goals, as ratios, are printed with what was reached; the exit status says whether all were.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { clientState, intakeKey, makeCertificate, notification } from '../raw/listener.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({ options: {
  build: { type: 'string', default: join(here, '../../build/release') }, seconds: { type: 'string', default: '3' },
  only: { type: 'string', default: 'nginx,ergsync,node' }, cells: { type: 'string', default: '1x1,1x64,1x512,50x1,50x64,50x512,new' },
  json: { type: 'boolean', default: false }, 'server-core': { type: 'string', default: '0' }, 'client-core': { type: 'string', default: '1' },
} });
const folder = mkdtempSync(join(tmpdir(), 'ergsync-bench-'));
const { certificate, key } = makeCertificate(folder);
const keyFile = join(folder, 'intake.key');
writeFileSync(keyFile, intakeKey.toString('base64') + '\n', { mode: 0o600 });
const bodies = Object.fromEntries([1, 50].map((n) => {
  const file = join(folder, `body${n}.json`);
  writeFileSync(file, JSON.stringify({ value: Array.from({ length: n }, (_, i) => notification(clientState(), `MCMjMSMj${i}`)) }));
  return [n, file];
}));
const onCore = (core, ...command) => ['taskset', '-c', core, ...command];
const children = new Set();

function start(command, ready, { cwd = folder } = {}) {
  const child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], cwd, env: { ...process.env, RUNTIME_DIRECTORY: '' } });
  children.add(child);
  child.text = '';
  return new Promise((resolve, reject) => {
    const see = (data) => { child.text += data; if (!ready || ready.test(child.text)) resolve(child); };
    child.stdout.on('data', see);
    child.stderr.on('data', see);
    child.on('exit', (code) => { children.delete(child); reject(new Error(`${command.join(' ')} ended with ${code}: ${child.text}`)); });
    if (!ready) setTimeout(() => resolve(child), 300);
  });
}

async function stop(child) {
  if (!children.has(child)) return;
  const gone = new Promise((resolve) => child.on('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}

const servers = {
  async ergsync() {
    const home = mkdtempSync(join(folder, 'ergsync-'));
    writeFileSync(join(home, 'ergsync.conf'), `[listener]\nlisten = 127.0.0.1:0\npublic_url = https://localhost\ntls_certificate = ${certificate}
tls_key = ${key}\n[graph]\nclient_id = 00000000-0000-0000-0000-000000000000\nclient_secret_file = none\n[state]\ndirectory = state\nkey_file = none\nintake_key_file = ${keyFile}\nruntime_directory = run\nmap_size = 4GiB\n[log]\nlevel = info\n`);
    mkdirSync(join(home, 'run'), { mode: 0o700 });
    const conf = join(home, 'ergsync.conf');
    const server = await start(onCore(options['server-core'], join(options.build, 'ergsync-listener'), '--config', conf), /event=ready/);
    const port = /event=listening .*port="?(\d+)/.exec(server.text)[1];
    const peer = await start(onCore(options['client-core'], join(options.build, 'tests/bench/bench_peer'), join(home, 'run'), 'consume', join(home, 'state/inbox'), keyFile));
    return { port, pids: [server.pid], stop: async () => { await stop(peer); await stop(server); rmSync(home, { recursive: true }); } };
  },
  async nginx() {
    const port = 20000 + Math.floor(Math.random() * 20000);
    const conf = join(folder, 'nginx.conf');
    writeFileSync(conf, `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr error;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 100000000; keepalive_timeout 60s; client_max_body_size 1m; client_body_buffer_size 64k;
client_body_temp_path ${folder}/t1; proxy_temp_path ${folder}/t2; fastcgi_temp_path ${folder}/t3; uwsgi_temp_path ${folder}/t4; scgi_temp_path ${folder}/t5;
server { listen 127.0.0.1:${port} ssl backlog=4096; ssl_certificate ${certificate}; ssl_certificate_key ${key}; ssl_protocols TLSv1.2 TLSv1.3;
ssl_ecdh_curve X25519:P-256:P-384; ssl_session_tickets off; ssl_session_cache off; location / { return 202; } } }\n`);
    const server = await start(onCore(options['server-core'], 'nginx', '-c', conf, '-p', folder));
    const workers = spawnSync('pgrep', ['-P', String(server.pid)]).stdout.toString().trim().split('\n').map(Number);
    return { port, pids: [server.pid, ...workers], stop: () => stop(server) };
  },
  async node() {
    const port = 20000 + Math.floor(Math.random() * 20000);
    const server = await start(onCore(options['server-core'], process.execPath, join(here, 'receiver.mjs'), String(port), certificate, key, keyFile,
      join(folder, 'node.log'), String(64 << 20)), /ready/);
    return { port: String(port), pids: [server.pid], stop: () => stop(server) };
  },
};

const ticksPerSecond = Number(spawnSync('getconf', ['CLK_TCK']).stdout);
const cpuSeconds = (pids) => pids.reduce((sum, pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return sum + (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}, 0);
const residentBytes = (pids) => pids.reduce((sum, pid) => {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return sum + 1024 * Number(/^Pss_Anon: +(\d+)/m.exec(rollup)?.[1] ?? /^Pss: +(\d+)/m.exec(rollup)[1]);
}, 0);

async function load(server, connections, seconds, body, mode) {
  const client = spawn(...(([c, ...r]) => [c, r])(onCore(options['client-core'], join(options.build, 'tests/bench/bench_load'), server.port,
    String(connections), String(seconds), body, mode)), { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '', before = null;
  client.stdout.on('data', (data) => { text += data; if (before === null && /measuring/.test(text)) before = cpuSeconds(server.pids); });
  await new Promise((resolve) => client.on('exit', resolve));
  const result = JSON.parse(text.trim().split('\n').at(-1));
  result.cpu_us_per_post = (1e6 * (cpuSeconds(server.pids) - before)) / Math.max(result.posts, 1);
  result.memory_mib = residentBytes(server.pids) / (1 << 20);
  return result;
}

const cellOf = (name) => (name === 'new' ? { items: 1, connections: 64, mode: 'new' } : { items: Number(name.split('x')[0]), connections: Number(name.split('x')[1]), mode: 'keep' });

async function idleMemory(server) {
  const before = residentBytes(server.pids);
  const count = 1000;
  const client = spawn(join(options.build, 'tests/bench/bench_load'), [server.port, String(count), '5', bodies[1], 'idle'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => client.stdout.on('data', resolve));
  await sleep(2500);
  const after = residentBytes(server.pids);
  await new Promise((resolve) => client.on('exit', resolve));
  return { base_mib: before / (1 << 20), kib_per_connection: (after - before) / count / 1024 };
}

const results = {};
let idle = null;
const cells = options.cells.split(',');
const names = options.only.split(',');
try {
  if (names.includes('ergsync')) {
    const server = await servers.ergsync();
    idle = await idleMemory(server);
    await server.stop();
  }
  for (const cell of cells) {
    const { items, connections, mode } = cellOf(cell);
    results[cell] = {};
    for (const name of names) {
      const server = await servers[name]();
      results[cell][name] = await load(server, connections, options.seconds, bodies[items], mode);
      await server.stop();
      await sleep(200);
    }
    const row = names.map((n) => {
      const r = results[cell][n];
      return `${n} ${Math.round(r.per_second)}/s p50 ${(r.p50_us / 1000).toFixed(1)} p99 ${(r.p99_us / 1000).toFixed(1)} ms cpu ${r.cpu_us_per_post.toFixed(1)} us/post mem ${r.memory_mib.toFixed(0)} MiB client ${(100 * r.client_busy).toFixed(0)} %${r.others + r.broken > 0 ? ` (${r.others} other answers, ${r.broken} broken)` : ''}`;
    });
    if (!options.json) console.log(`${cell.padEnd(7)} ${row.join(' | ')}`);
  }
} finally {
  for (const child of children) child.kill('SIGKILL');
  await sleep(100);
  rmSync(folder, { recursive: true, force: true });
}

const ratio = (cell, to, what = 'per_second') => (results[cell]?.ergsync && results[cell]?.[to] ? results[cell].ergsync[what] / results[cell][to][what] : undefined);
const clientBound = (cell) => results[cell]?.ergsync?.client_busy > 0.9;
const goals = [
  ['1x512 >= 0.9 x nginx', ratio('1x512', 'nginx'), (v) => v >= 0.9],
  ['1x512 p99 < 25 ms', results['1x512']?.ergsync?.p99_us / 1000, (v) => v < 25],
  ['1x64 >= 0.5 x nginx', ratio('1x64', 'nginx'), (v) => v >= 0.5],
  ['1x64 p99 < 5 ms', results['1x64']?.ergsync?.p99_us / 1000, (v) => v < 5],
  ['50x512 >= 0.35 x nginx', ratio('50x512', 'nginx'), (v) => v >= 0.35],
  ['new >= 0.95 x nginx', ratio('new', 'nginx'), (v) => v >= 0.95],
  ...['1x64', '1x512', '50x64', '50x512', 'new'].flatMap((cell) => [
    // Where the client's core is full, posts a second tell of the client: then by what a second of the server's CPU does.
    clientBound(cell) ? [`${cell} >= 2 x node by CPU`, 1 / ratio(cell, 'node', 'cpu_us_per_post'), (v) => v >= 2] : [`${cell} >= 2 x node`, ratio(cell, 'node'), (v) => v >= 2],
    [`${cell} CPU <= 0.5 x node's`, ratio(cell, 'node', 'cpu_us_per_post'), (v) => v <= 0.5],
  ]),
  ['idle memory <= 5 MiB', idle?.base_mib, (v) => v <= 5],
  ['idle connection <= 16 KiB', idle?.kib_per_connection, (v) => v <= 16],
].filter(([, value]) => value !== undefined && !Number.isNaN(value)).map(([goal, value, good]) => ({ goal, value, reached: good(value) }));
if (options.json) console.log(JSON.stringify({ results, idle, goals }, null, 2));
else for (const g of goals) console.log(`${g.reached ? 'reached' : 'MISSED '}  ${g.goal.padEnd(28)} ${g.value.toFixed(2)}`);
process.exit(goals.every((g) => g.reached) ? 0 : 1);
