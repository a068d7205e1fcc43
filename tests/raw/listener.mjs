// A real ergsync-listener for a test: own folder, own certificate, a free port, stopped and removed afterwards.
import { spawn, execFileSync } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, writeFileSync, rmSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';

export const intakeKey = Buffer.alloc(32, 7);

export function makeCertificate(folder, name = 'localhost', days = 30) {
  const key = join(folder, 'key.pem');
  const certificate = join(folder, 'cert.pem');
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key,
    '-out', certificate, '-days', String(days), '-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`], { stdio: 'ignore' });
  return { key, certificate };
}

// clientState as model/client_state.h describes it.
export function clientState(scope = Buffer.alloc(16, 1), key = intakeKey, nonce = randomBytes(16)) {
  const mac = createHmac('sha256', key).update(scope).update(nonce).digest();
  return 'v1.' + Buffer.concat([scope, nonce, mac]).toString('base64url');
}

export function notification(state = clientState(), member = 'MCMjMSMjdDE=') {
  const team = '11111111-2222-3333-4444-555555555555';
  const resource = `teams('${team}')/members('${member}')`;
  return {
    subscriptionId: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee', changeType: 'created', tenantId: '99999999-8888-7777-6666-555555555555',
    clientState: state, subscriptionExpirationDateTime: '2027-01-04T02:00:00.1234567-08:00', resource,
    resourceData: { id: member, '@odata.type': '#Microsoft.Graph.aadUserConversationMember', '@odata.id': resource },
  };
}

export function makeFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'ergsync-raw-'));
  makeCertificate(folder);
  writeFileSync(join(folder, 'intake.key'), intakeKey.toString('base64') + '\n', { mode: 0o600 });
  writeFileSync(join(folder, 'ergsync.conf'), `[listener]
listen = 127.0.0.1:0
public_url = https://localhost
tls_certificate = cert.pem
tls_key = key.pem
max_body = 64KiB
[graph]
client_id = 00000000-0000-0000-0000-000000000000
client_secret_file = not-read-by-the-listener
[state]
directory = state
key_file = not-read-by-the-listener
intake_key_file = intake.key
runtime_directory = run
map_size = 256MiB
[log]
level = info
`);
  return folder;
}

// A test that failed leaves nothing running.
const running = new Set();
process.on('exit', () => { for (const child of running) child.kill('SIGKILL'); });

export class Listener {
  static async start(program, { folder = makeFolder(), wrap = [], environment = {} } = {}) {
    const listener = new Listener();
    listener.folder = folder;
    listener.log = '';
    const [command, ...rest] = [...wrap, program, '--config', join(folder, 'ergsync.conf')];
    const env = { ...process.env, ...environment };
    delete env.RUNTIME_DIRECTORY;
    listener.child = spawn(command, rest, { stdio: ['ignore', 'ignore', 'pipe'], env });
    running.add(listener.child);
    listener.child.on('exit', () => running.delete(listener.child));
    listener.exited = new Promise((resolve) => listener.child.on('exit', (code, signal) => resolve({ code, signal })));
    listener.child.stderr.setEncoding('utf8');
    await new Promise((resolve, reject) => {
      listener.child.stderr.on('data', (text) => {
        listener.log += text;
        if (/event=ready/.test(listener.log)) resolve();
      });
      listener.exited.then(({ code }) => reject(new Error(`the listener ended with ${code}:\n${listener.log}`)));
    });
    listener.port = Number(/event=listening .*port="?(\d+)/.exec(listener.log)[1]);
    listener.ca = readFileSync(join(folder, 'cert.pem'));
    return listener;
  }

  // Sends the parts, each with a pause before it when pause_ms is given; gives all that came until the end, or until `enough` says so.
  exchange(parts, { enough = null, timeoutMs = 15000, pauseMs = 0, half = false } = {}) {
    return new Promise((resolve, reject) => {
      const socket = tls.connect({ port: this.port, host: '127.0.0.1', servername: 'localhost', ca: this.ca });
      const chunks = [];
      const timer = setTimeout(() => { socket.destroy(); reject(new Error('no end of the answer in time: ' + Buffer.concat(chunks))); }, timeoutMs);
      const done = () => { clearTimeout(timer); socket.destroy(); resolve(Buffer.concat(chunks)); };
      socket.setNoDelay(true);
      socket.on('secureConnect', async () => {
        for (const part of parts) {
          if (pauseMs > 0) await new Promise((r) => setTimeout(r, pauseMs));
          if (socket.destroyed) return;
          socket.write(part);
        }
        if (half) socket.end();
      });
      socket.on('data', (data) => { chunks.push(data); if (enough?.(Buffer.concat(chunks))) done(); });
      socket.on('end', done);
      socket.on('close', done);
      socket.on('error', (error) => { if (chunks.length > 0) done(); else { clearTimeout(timer); reject(error); } });
    });
  }

  async stop(signal = 'SIGTERM') {
    this.child.kill(signal);
    const result = await this.exited;
    return result;
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

// All complete answers in bytes: [{ status, headers, body }].
export function parseAnswers(bytes) {
  const answers = [];
  let at = 0;
  while (at < bytes.length) {
    const end = bytes.indexOf('\r\n\r\n', at);
    if (end < 0) break;
    const [line, ...fields] = bytes.subarray(at, end).toString('latin1').split('\r\n');
    const headers = Object.fromEntries(fields.map((f) => [f.slice(0, f.indexOf(':')).toLowerCase(), f.slice(f.indexOf(':') + 1).trim()]));
    const status = Number(line.split(' ')[1]);
    const length = status === 100 ? 0 : Number(headers['content-length'] ?? 0);
    answers.push({ status, headers, body: bytes.subarray(end + 4, end + 4 + length) });
    at = end + 4 + length;
  }
  return answers;
}
