// The listener as a program: exit codes and messages, reload, drain, passed sockets, its peer socket.
// node --test daemon.test.mjs with LISTENER=path of ergsync-listener and PEER=path of bench_peer
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { Listener, makeCertificate, makeFolder, notification, parseAnswers } from './listener.mjs';

const program = process.env.LISTENER;
const request = (items = [notification()], headers = '') => {
  const body = JSON.stringify({ value: items });
  return `POST /graph/notifications HTTP/1.1\r\nHost: localhost\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
};
const close = 'Connection: close\r\n';

function run(...args) {
  const env = { ...process.env };
  delete env.RUNTIME_DIRECTORY;
  const r = spawnSync(program, args, { encoding: 'utf8', timeout: 20000, env });
  return { code: r.status, out: r.stdout, err: r.stderr };
}

function metric(listener, name) {
  const r = spawnSync(process.env.PEER, [join(listener.folder, 'run'), 'stats'], { encoding: 'utf8', timeout: 20000 });
  const line = r.stdout.split('\n').find((l) => l.startsWith(`ergsync_listener_${name} `));
  return Number(line?.split(' ').at(-1));
}

async function inFolder(work) {
  const folder = makeFolder();
  try { await work(folder, join(folder, 'ergsync.conf')); } finally { rmSync(folder, { recursive: true, force: true }); }
}

test('help, version, wrong usage', () => {
  assert.equal(run('--help').code, 0);
  assert.match(run('--help').out, /EXIT STATUS[^]*SIGHUP|SIGHUP[^]*EXIT STATUS/);
  assert.match(run('--version').out, /^ergsync-listener \d/);
  assert.equal(run('--frobnicate').code, 2);
  assert.equal(run('argument').code, 2);
});

test('every mistake of a configuration, exit status 2', () => inFolder((folder, conf) => {
  writeFileSync(conf, '[listener]\nlisten = nowhere\nport = 8443\nmax_body = lots\n');
  const { code, err } = run('--config', conf);
  assert.equal(code, 2);
  for (const part of [/ergsync\.conf:2: /, /ergsync\.conf:3: /, /ergsync\.conf:4: /, /public_url/, /tls_certificate/, /intake_key_file/]) assert.match(err, part);
  assert.equal(run('--config', join(folder, 'nothing.conf')).code, 2);
}));

test('a missing key file is one clear message', () => inFolder((folder, conf) => {
  rmSync(join(folder, 'intake.key'));
  const { code, err } = run('--config', conf);
  assert.equal(code, 2);
  assert.match(err, /intake\.key/);
}));

test('--check and --dump-config start nothing', () => inFolder((folder, conf) => {
  assert.equal(run('--check', '--config', conf).code, 0);
  const dump = run('--dump-config', '--config', conf);
  assert.equal(dump.code, 0);
  assert.match(dump.out, /max_body = 64KiB/);
}));

// Only "openssl ca" of OpenSSL 3.0 makes a certificate that is over.
function makeExpired(folder) {
  writeFileSync(join(folder, 'ca.conf'), '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\npolicy=p\n[p]\ncommonName=supplied\n');
  writeFileSync(join(folder, 'index.txt'), '');
  writeFileSync(join(folder, 'serial'), '01\n');
  for (const line of ['req -new -key key.pem -subj /CN=localhost -out csr.pem',
    'ca -batch -notext -selfsign -keyfile key.pem -in csr.pem -out cert.pem -config ca.conf -outdir . -md sha256 -startdate 20200101000000Z -enddate 20200201000000Z']) {
    const r = spawnSync('openssl', line.split(' '), { cwd: folder, encoding: 'utf8' });
    assert.equal(r.status, 0, r.stderr);
  }
}

test('an expired certificate: exit status 1', () => inFolder((folder, conf) => {
  makeExpired(folder);
  for (const args of [['--config', conf], ['--check', '--config', conf]]) {
    const { code, err } = run(...args);
    assert.equal(code, 1);
    assert.match(err, /cert\.pem has expired on 2020-02-01/);
    assert.equal(err.trim().split('\n').length, 1);
  }
}));

test('a key of another certificate: exit status 1', () => inFolder((folder, conf) => {
  copyFileSync(join(folder, 'cert.pem'), join(folder, 'kept.pem'));
  makeCertificate(folder);
  copyFileSync(join(folder, 'kept.pem'), join(folder, 'cert.pem'));
  const { code, err } = run('--config', conf);
  assert.equal(code, 1);
  assert.match(err, /key\.pem cannot be used with certificate/);
}));

test('a port in use: exit status 1', () => inFolder(async (folder, conf) => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.on('listening', resolve));
  writeFileSync(conf, readFileSync(conf, 'utf8').replace('127.0.0.1:0', `127.0.0.1:${server.address().port}`));
  const { code, err } = run('--config', conf);
  server.close();
  assert.equal(code, 1);
  assert.match(err, /the port is in use/);
  assert.equal(err.trim().split('\n').length, 1);
}));

test('a second listener on the same state: exit status 1, the first goes on', async () => {
  const listener = await Listener.start(program);
  const { code, err } = run('--config', join(listener.folder, 'ergsync.conf'));
  assert.equal(code, 1);
  assert.match(err, /another ergsync-listener is running/);
  assert.equal(parseAnswers(await listener.exchange([request(undefined, close)]))[0].status, 202);
  assert.equal((await listener.stop()).code, 0);
  listener.remove();
});

test('after a crash it starts again, with what was accepted', async () => {
  const listener = await Listener.start(program);
  assert.equal(parseAnswers(await listener.exchange([request(undefined, close)]))[0].status, 202);
  await listener.stop('SIGKILL');
  const again = await Listener.start(program, { folder: listener.folder });
  assert.equal(metric(again, 'inbox_records'), 1);
  await again.stop();
  again.remove();
});

test('forged items are counted and not stored', async () => {
  const listener = await Listener.start(program);
  const forged = Array.from({ length: 50 }, () => notification('v1.' + 'A'.repeat(86)));
  const answers = parseAnswers(await listener.exchange([request(forged), request([...forged, 5, notification()], close)]));
  assert.deepEqual(answers.map((a) => a.status), [202, 202]);
  await sleep(1100);
  assert.equal(metric(listener, 'items_total{outcome="foreign"}'), 100);
  assert.equal(metric(listener, 'items_total{outcome="not_object"}'), 1);
  assert.equal(metric(listener, 'items_total{outcome="accepted"}'), 1);
  assert.equal(metric(listener, 'posts_total{outcome="nothing_ours"}'), 1);
  await listener.stop('SIGKILL');
  const again = await Listener.start(program, { folder: listener.folder });
  assert.equal(metric(again, 'inbox_records'), 1);
  await again.stop();
  again.remove();
});

const certificateOf = (port) => new Promise((resolve, reject) => {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => { resolve(socket.getPeerCertificate().fingerprint256); socket.destroy(); });
  socket.on('error', reject);
});

async function until(condition) {
  for (let i = 0; i < 200; i++) {
    if (await condition()) return;
    await sleep(25);
  }
  assert.fail('it did not become so in 5 s');
}

test('SIGHUP takes a new certificate, and keeps the old one when the new one is bad', async () => {
  const listener = await Listener.start(program);
  const before = await certificateOf(listener.port);
  writeFileSync(join(listener.folder, 'cert.pem'), 'rubbish\n');
  listener.child.kill('SIGHUP');
  await until(() => /certificate_refused/.test(listener.log));
  assert.equal(await certificateOf(listener.port), before);
  makeCertificate(listener.folder);
  listener.child.kill('SIGHUP');
  await until(() => /certificate_loaded/.test(listener.log));
  assert.notEqual(await certificateOf(listener.port), before);
  appendFileSync(join(listener.folder, 'ergsync.conf'), '[nonsense]\nx = 1\n');
  listener.child.kill('SIGHUP');
  await until(() => /reload_refused/.test(listener.log));
  assert.equal((await listener.stop()).code, 0);
  listener.remove();
});

test('TLS: 1.2 and 1.3 with AEAD suites, nothing older', async () => {
  const listener = await Listener.start(program);
  const connect = (options) => new Promise((resolve) => {
    const socket = tls.connect({ port: listener.port, host: '127.0.0.1', rejectUnauthorized: false, ...options }, () => {
      resolve(`${socket.getProtocol()} ${socket.getCipher().name}`);
      socket.destroy();
    });
    socket.on('error', () => resolve('refused'));
  });
  assert.match(await connect({ maxVersion: 'TLSv1.2' }), /^TLSv1\.2 ECDHE-ECDSA-(AES(128|256)-GCM|CHACHA20)/);
  assert.match(await connect({ minVersion: 'TLSv1.3' }), /^TLSv1\.3 TLS_/);
  assert.equal(await connect({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }), 'refused');
  assert.equal(await connect({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256:AES128-SHA:@SECLEVEL=0' }), 'refused');
  await listener.stop();
  listener.remove();
});

test('TLS: no ticket, no session to resume, no renegotiation', async () => {
  const listener = await Listener.start(program);
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    let tickets = 0;
    const socket = tls.connect({ port: listener.port, host: '127.0.0.1', rejectUnauthorized: false, minVersion: version, maxVersion: version });
    socket.on('session', (session) => { if (version === 'TLSv1.3' || socket.getTLSTicket() !== undefined) tickets += session.length; });
    socket.on('error', () => {});
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    assert.equal(tickets, 0, version);
    const session = socket.getSession();
    if (version === 'TLSv1.2') {
      const refused = await new Promise((resolve) => { socket.once('close', () => resolve(true)); socket.renegotiate({}, (e) => resolve(Boolean(e))); });
      assert.ok(refused);
    }
    socket.destroy();
    const again = tls.connect({ port: listener.port, host: '127.0.0.1', rejectUnauthorized: false, minVersion: version, maxVersion: version, session });
    again.on('error', () => {});
    await new Promise((resolve) => again.once('secureConnect', resolve));
    assert.equal(again.isSessionReused(), false, version);
    again.destroy();
  }
  await listener.stop();
  listener.remove();
});

test('SIGTERM finishes what is under way and exits 0', async () => {
  const listener = await Listener.start(program);
  const whole = request();
  const answer = listener.exchange([whole.slice(0, -20), whole.slice(-20)], { pauseMs: 400 });
  await sleep(600);
  listener.child.kill('SIGTERM');
  const [answered] = parseAnswers(await answer);
  assert.equal(answered.status, 202);
  assert.equal(answered.headers.connection, 'close');
  assert.equal((await listener.exited).code, 0);
  listener.remove();
});

test('passed sockets: a restart refuses nobody', async () => {
  const listener = await Listener.start(program, { wrap: [process.env.ACTIVATE] });
  const ready = () => listener.log.match(/event=ready/g).length;
  let answered = 0, stop = false;
  // Every client waits for its answer across two restarts; a refused or lost one rejects.
  const clients = Array.from({ length: 4 }, async () => {
    while (!stop) {
      const [answer] = parseAnswers(await listener.exchange([request(undefined, close)], { timeoutMs: 30000 }));
      assert.equal(answer.status, 202);
      answered++;
    }
  });
  for (let round = 2; round <= 3; round++) {
    const before = answered;
    await until(() => answered > before + 10);
    listener.child.kill('SIGHUP');
    await until(() => ready() === round);
  }
  const before = answered;
  await until(() => answered > before + 10);
  stop = true;
  await Promise.all(clients);
  assert.equal((await listener.stop()).code, 0);
  listener.remove();
});

test('a strange datagram on the peer socket harms nothing', async () => {
  const listener = await Listener.start(program);
  const r = spawnSync('sh', ['-c', 'command -v python3 >/dev/null || exit 77; exec python3 -c "import socket,sys\n' +
    's=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\nfor d in [b\'\',b\'x\'*5000,b\'ergsync/1 consumed 5\',b\'\\xff\'*200]:\n s.sendto(d,sys.argv[1])" "$0"',
    join(listener.folder, 'run', 'listener.sock')], { timeout: 20000 });
  if (r.status !== 77) assert.equal(r.status, 0, String(r.stderr));
  assert.equal(parseAnswers(await listener.exchange([request(undefined, close)]))[0].status, 202);
  assert.equal((await listener.stop()).code, 0);
  listener.remove();
});
