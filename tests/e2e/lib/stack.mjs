// A whole ergsync on loopback: simulator, main app's stand-in, listener, reconciler, each a real process in a fresh
// directory. Everything a test needs is a method; everything started is stopped by pid when the test ends.
import { execFileSync, spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { callbackMistakes, exchangeMistakes } from '../../service/lib/openapi.mjs';

export const root = path.resolve(new URL('../../..', import.meta.url).pathname);
export const build = process.env.ERGSYNC_BUILD ?? path.join(root, 'build/asan+ubsan');
const seed = Number(process.env.ERGSYNC_TEST_SEED ?? crypto.randomInt(2 ** 31));
console.log(`seed ${seed} (set ERGSYNC_TEST_SEED to repeat)`);

let state = BigInt(seed);
/** Seeded: 0 <= result < below. */
export function random(below) {
  state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
  return Number((state >> 33n) % BigInt(below));
}

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** A time of day so many days from now, in UTC, as events have it. */
export const timeIn = (days, time = '17:00:00') => `${new Date(Date.now() + days * 24 * 3600 * 1000).toISOString().slice(0, 10)}T${time}`;

/** Polls until probe() answers something truthy; its last answer or error is told when the time is up. */
export async function eventually(what, probe, { within = 60_000, every = 20 } = {}) {
  const end = Date.now() + within;
  let last;
  for (;;) {
    try {
      last = await probe();
      if (last) return last;
    } catch (e) {
      last = e;
    }
    if (Date.now() > end) throw new Error(`not within ${within} ms: ${what}; last: ${last instanceof Error ? last.message : JSON.stringify(last)}`);
    await sleep(every);
  }
}

export async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** One HTTP exchange; body and answer are JSON where they can be. */
export function request(options, body) {
  const { method = 'GET', url, socketPath, path: target, headers = {}, ca, timeout = 60_000, raw } = options;
  const text = body === undefined ? undefined : raw ? body : JSON.stringify(body);
  const client = url?.startsWith('https:') ? https : http;
  const where = url ? new URL(url) : undefined;
  return new Promise((done, failed) => {
    const call = client.request({
      method, ca, timeout, agent: options.agent ?? false,
      ...(where ? { hostname: where.hostname, port: where.port, path: where.pathname + where.search } : { socketPath, path: target }),
      headers: { ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }), ...headers },
    }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('error', failed);
      answer.on('end', () => {
        const bytes = Buffer.concat(parts);
        let json;
        try { json = JSON.parse(bytes.toString()); } catch { json = undefined; }
        done({ status: answer.statusCode, headers: answer.headers, text: bytes.toString(), json });
      });
    });
    call.on('timeout', () => call.destroy(new Error('timeout')));
    call.on('error', (e) => { e.message = `${method} ${target ?? url}: ${e.message}`; failed(e); });
    call.end(text);
  });
}

/** A certificate for the listener and the authority that signed it, made anew. */
export function makeCertificate(directory, { name = 'tls', days = 30, startdate, enddate } = {}) {
  const run = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: directory });
  if (!fs.existsSync(path.join(directory, 'ca.pem'))) {
    run('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '30', '-subj', '/CN=ergsync test authority');
  }
  run('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', '/CN=localhost');
  fs.writeFileSync(path.join(directory, `${name}.ext`), 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n');
  if (enddate) {
    fs.writeFileSync(path.join(directory, 'index.txt'), '');
    fs.writeFileSync(path.join(directory, 'serial'), '01\n');
    fs.writeFileSync(path.join(directory, 'ca.cnf'), '[ca]\ndefault_ca=d\n[d]\nnew_certs_dir=.\ndatabase=index.txt\nserial=serial\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n');
    run('ca', '-batch', '-config', 'ca.cnf', '-cert', 'ca.pem', '-keyfile', 'ca.key', '-in', `${name}.csr`, '-out', `${name}.pem`, '-startdate', startdate, '-enddate', enddate, '-extfile', `${name}.ext`);
  } else {
    run('x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-out', `${name}.pem`, '-days', String(days), '-extfile', `${name}.ext`);
  }
  return { certificate: path.join(directory, `${name}.pem`), key: path.join(directory, `${name}.key`), ca: path.join(directory, 'ca.pem') };
}

class Program {
  constructor(name, args, { env = {}, onLine, system = false } = {}) {
    this.name = name;
    this.output = '';
    this.child = spawn(system ? name : path.join(build, name), args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        this.output = (this.output + text).slice(-4_000_000);
        onLine?.(text);
      });
    }
    this.ended = new Promise((done) => this.child.on('exit', (code, signal) => {
      this.code = code;
      this.signal = signal;
      this.over = true;
      done({ code, signal });
    }));
    this.child.on('error', (e) => { this.output += `\n${e.message}\n`; });
  }
  kill(signal = 'SIGTERM') { if (!this.over) this.child.kill(signal); return this.ended; }
}

/** Runs a program to its end. */
export async function runProgram(name, args, options) {
  const program = new Program(name, args, options);
  const timer = setTimeout(() => program.child.kill('SIGKILL'), options?.timeout ?? 60_000);
  const { code, signal } = await program.ended;
  clearTimeout(timer);
  return { code, signal, output: program.output };
}

export class Stack {
  static async make(t, options = {}) {
    const stack = new Stack();
    stack.options = options;
    stack.directory = fs.mkdtempSync(path.join(options.directory ?? os.tmpdir(), 'ergsync-e2e-'));
    stack.programs = new Set();
    t.after(() => stack.destroy());
    await stack.prepare();
    return stack;
  }

  file(name) { return path.join(this.directory, name); }

  async prepare() {
    const d = this.directory;
    this.tls = makeCertificate(d);
    this.publicPort = await freePort();
    this.adminPort = await freePort();
    fs.mkdirSync(this.file('run'), { mode: 0o700 });
    for (const name of ['state.key', 'intake.key']) fs.writeFileSync(this.file(name), crypto.randomBytes(32).toString('base64') + '\n', { mode: 0o600 });
    this.clientSecret = 'secret-' + crypto.randomBytes(12).toString('hex');
    fs.writeFileSync(this.file('client.secret'), this.clientSecret + '\n', { mode: 0o600 });
    fs.writeFileSync(this.file('callback.secret'), 'whsec_' + crypto.randomBytes(24).toString('base64') + '\n', { mode: 0o600 });
    this.clientId = crypto.randomUUID();
  }

  /** Sections given override or add keys; a value of null removes the key. */
  writeConfig(changes = this.options.config ?? {}) {
    const sections = {
      listener: { listen: `127.0.0.1:${this.publicPort}`, public_url: `https://localhost:${this.publicPort}`, tls_certificate: 'tls.pem', tls_key: 'tls.key' },
      graph: { client_id: this.clientId, client_secret_file: 'client.secret', base_url: `${this.simUrl ?? 'http://127.0.0.1:9'}/v1.0`, login_url: this.simUrl ?? 'http://127.0.0.1:9' },
      app: { listen: 'unix:run/app.sock', ...(this.appUrl ? { callback_url: `${this.appUrl}/callbacks`, callback_secret_file: 'callback.secret' } : {}) },
      admin: { listen: `127.0.0.1:${this.adminPort}` },
      state: { directory: 'state', key_file: 'state.key', intake_key_file: 'intake.key', runtime_directory: 'run', map_size: '256MiB' },
      sync: {},
      log: { level: 'info' },
    };
    for (const [section, keys] of Object.entries(changes)) sections[section] = { ...sections[section], ...keys };
    const lines = [];
    for (const [section, keys] of Object.entries(sections)) {
      lines.push(`[${section}]`);
      for (const [key, value] of Object.entries(keys)) if (value !== null) lines.push(`${key} = ${value}`);
    }
    fs.writeFileSync(this.file('ergsync.conf'), lines.join('\n') + '\n');
    return this.file('ergsync.conf');
  }

  spawn(name, args, options) {
    const program = new Program(name, args, options);
    this.programs.add(program);
    return program;
  }

  async listening(program) {
    const [, url] = await eventually(`${program.name} listens`, () => {
      if (program.over) throw new Error(`ended with ${program.code}: ${program.output}`);
      return program.output.match(/listening on (http:\/\/\S+)/);
    });
    return url;
  }

  async startSim(args = []) {
    this.sim = this.spawn('ergsync-graphsim', ['--listen', '127.0.0.1:0', '--notification-ca', this.tls.ca, '--seed', String(seed), '--exchange-log', this.file('exchanges.ndjson'), ...args]);
    this.simUrl = await this.listening(this.sim);
  }

  async startApp() {
    this.app = this.spawn('ergsync-appsim', ['--secret-file', this.file('callback.secret')]);
    this.appUrl = await this.listening(this.app);
  }

  async startListener() {
    this.listener = this.spawn('ergsync-listener', ['--config', this.file('ergsync.conf')], { env: { RUNTIME_DIRECTORY: '' } });
    await eventually('the listener is healthy', async () => {
      if (this.listener.over) throw new Error(`listener ended with ${this.listener.code}: ${this.listener.output}`);
      return (await this.public('GET', '/healthz')).status === 200;
    });
  }

  async startReconciler() {
    this.reconciler = this.spawn('ergsync-reconciler', ['--config', this.file('ergsync.conf')], { env: { RUNTIME_DIRECTORY: '' } });
    await eventually('the reconciler is ready', async () => {
      if (this.reconciler.over) throw new Error(`reconciler ended with ${this.reconciler.code}: ${this.reconciler.output}`);
      return (await request({ url: `http://127.0.0.1:${this.adminPort}/readyz` })).status === 200;
    });
  }

  /** Everything, in the order a deployment starts it. */
  async start() {
    await this.startSim();
    if (this.options.app !== false) await this.startApp();
    this.writeConfig();
    await this.startListener();
    await this.startReconciler();
  }

  // --- speaking to the parts ---
  /** Every answer is judged by api/openapi.json. */
  async api(method, target, body) {
    const answer = await request({ method, socketPath: this.file('run/app.sock'), path: target }, body);
    const mistakes = exchangeMistakes(method, target, body, answer);
    if (mistakes.length) throw new Error(`not as api/openapi.json says: ${mistakes.join('; ')}`);
    return answer;
  }
  public(method, target, body, options = {}) {
    return request({ method, url: `https://localhost:${this.publicPort}${target}`, ca: fs.readFileSync(this.tls.ca), ...options }, body);
  }
  async control(method, target, body) {
    const answer = await request({ method, url: `${this.simUrl}/_sim/${target}` }, body);
    if (answer.status >= 300) throw new Error(`simulator: ${method} ${target}: ${answer.status} ${answer.text}`);
    return answer.json;
  }
  async received() {
    const { received } = (await request({ url: `${this.appUrl}/_app/received` })).json;
    const mistakes = received.flatMap(({ event }) => callbackMistakes(event));
    if (mistakes.length) throw new Error(`not as api/openapi.json says: ${mistakes.join('; ')}`);
    return received;
  }
  appAnswers(script) { return request({ method: 'POST', url: `${this.appUrl}/_app/answer` }, script); }
  ctl(...args) { return runProgram('ergsyncctl', ['--config', this.file('ergsync.conf'), ...args], { env: { RUNTIME_DIRECTORY: '', NO_COLOR: '1' } }); }

  // --- a world ---
  /** A tenant with users and one team; returns their ids. */
  async world({ users = 20, members = 3 } = {}) {
    const tenant = crypto.randomUUID();
    await this.control('POST', 'tenants', { id: tenant });
    const people = (await this.control('POST', 'users', { tenant, count: users })).users;
    const team = await this.control('POST', 'teams', { tenant, owners: [people[0].id], members: people.slice(1, members).map((p) => p.id) });
    return { tenant, users: people, team };
  }
  teamUrl(tenant, team) {
    return `https://teams.microsoft.com/l/team/${encodeURIComponent(team.general)}/conversations?groupId=${team.id}&tenantId=${tenant}`;
  }
  async link({ tenant, users, team }, { tenantId = 'acme', erg = 'pride', membership = 'two-way', meetings = 'off' } = {}) {
    const t = await this.api('PUT', `/v1/tenants/${tenantId}`, { directory_id: tenant, organizer: users[0].upn });
    if (t.status >= 300) throw new Error(`tenant: ${t.status} ${t.text}`);
    const e = await this.api('PUT', `/v1/ergs/${erg}`, { tenant: tenantId, name: 'Pride at Acme', channel_url: this.teamUrl(tenant, team), membership, meetings });
    if (e.status >= 300) throw new Error(`erg: ${e.status} ${e.text}`);
  }
  erg(id = 'pride') { return this.api('GET', `/v1/ergs/${id}`).then((a) => a.json); }
  async feed(after = 0) {
    const all = [];
    for (let next = after; ;) {
      const { json } = await this.api('GET', `/v1/changes?after=${next}&limit=1000`);
      if (json.changes.length === 0) return all;
      all.push(...json.changes);
      next = json.next;
    }
  }
  inSync(id = 'pride', options) {
    return eventually(`ERG ${id} is in sync`, async () => {
      const erg = await this.erg(id);
      if (erg.state !== 'in_sync' || erg.members.pending !== 0) throw new Error(JSON.stringify(erg));
      return erg;
    }, options);
  }
  /** Who the app must believe to be a member, by the feed alone. */
  async membersByFeed(erg = 'pride') {
    const present = new Set();
    for (const change of await this.feed()) {
      if (change.data?.erg !== erg) continue;
      if (change.type === 'ergsync.member.added') present.add(change.data.entra_id);
      if (change.type === 'ergsync.member.removed') present.delete(change.data.entra_id);
    }
    return present;
  }
  async membersInTeams(team) { return new Set((await this.control('GET', `members?team=${team}`)).members.map((m) => m.user)); }

  async destroy() {
    for (const program of [...this.programs].reverse()) await program.kill(program.over ? undefined : 'SIGTERM');
    this.beforeRemoval?.();
    if (process.env.ERGSYNC_KEEP) console.log(`kept ${this.directory}`);
    else fs.rmSync(this.directory, { recursive: true, force: true });
    const reports = [...this.programs].filter((p) => /ERROR: AddressSanitizer|runtime error:|LeakSanitizer/.test(p.output));
    if (reports.length) throw new Error(reports.map((p) => `${p.name}: ${p.output.slice(-4000)}`).join('\n'));
  }
}

export function sameSet(a, b) { return a.size === b.size && [...a].every((x) => b.has(x)); }
