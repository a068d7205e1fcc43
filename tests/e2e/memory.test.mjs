// The listener's memory: under valgrind, for OpenSSL's own, which the sanitizers do not watch, is used only while it lives; and what
// connections cost that say nothing, in the build that ships.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import tls from 'node:tls';
import { Stack, eventually, root } from './lib/stack.mjs';

const shipped = path.join(root, 'build/release/ergsync-listener');

test('every way a connection ends', async (t) => {
  const stack = await Stack.make(t);
  stack.writeConfig();
  assert.ok(fs.existsSync(shipped), 'the release build is needed: valgrind and the sanitizers do not mix');
  const listener = stack.spawn('valgrind', ['--quiet', '--error-exitcode=99', shipped, '--config', stack.file('ergsync.conf')], { env: { RUNTIME_DIRECTORY: '' }, system: true });
  await eventually('the listener is ready', () => {
    if (listener.over) throw new Error(listener.output);
    return /event=ready/.test(listener.output);
  });
  const ca = fs.readFileSync(stack.tls.ca);
  const open = () => new Promise((done, failed) => {
    const socket = tls.connect({ host: '127.0.0.1', port: stack.publicPort, ca, servername: 'localhost' }, () => done(socket));
    socket.on('error', failed);
  });
  /** As once below; again when nothing came at all: under valgrind, on a busy machine, a deadline may end a connection first. */
  async function say(text, options) {
    for (let tries = 1; ; tries++) {
      const seen = await once(text, options).catch((error) => { if (tries === 5) throw error; return ''; });
      if (seen !== '' || tries === 5) return seen;
    }
  }
  /** Sends text, answers what came until the other side closed or `until` was seen. */
  async function once(text, { until, end = false } = {}) {
    const socket = await open();
    let seen = '';
    socket.setEncoding('latin1');
    socket.removeAllListeners('error');
    return new Promise((done) => {
      socket.on('data', (part) => { seen += part; if (until?.test(seen)) socket.destroy(); });
      socket.on('error', () => {});
      socket.on('close', () => done(seen));
      if (end) socket.end(text); else socket.write(text);
    });
  }
  const post = (body, close) => `POST /graph/notifications HTTP/1.1\r\nHost: a\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${close ? 'Connection: close\r\n' : ''}\r\n${body}`;
  const forged = JSON.stringify({ value: [{ clientState: 'x', changeType: 'created', resource: 'teams/a/members/b' }] });
  for (let round = 0; round < 5; round++) {
    assert.match(await say('GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'), /^HTTP\/1.1 200/);
    assert.match(await say(post(forged, true)), /^HTTP\/1.1 202/);
    assert.match(await say(post(forged) + post(forged, true)), /202[^]*202/);
    assert.match(await say('POST /graph/lifecycle?validationToken=a+b HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'), /a b$/);
    assert.match(await say('NONSENSE\r\n\r\n'), /^HTTP\/1.1 400/);
    assert.match(await say('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n', { until: /200/ }), /200/);
    await once(post(forged).slice(0, -10), { end: true });
    assert.match(await say(post('{"value":[]}', true) + 'more that nobody asked for'), /^HTTP\/1.1 202/);
  }
  // SIGTERM while one request is half there.
  const half = await open();
  let late = '';
  half.on('data', (part) => { late += part; });
  half.on('error', () => {});
  const body = post('{"value":[]}');
  half.write(body.slice(0, -5));
  await say('GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  listener.child.kill('SIGTERM');
  await eventually('it stops', () => /stopping|drain/.test(listener.output));
  half.write(body.slice(-5));
  await listener.ended;
  assert.match(late, /^HTTP\/1.1 202/);
  assert.equal(listener.code, 0, listener.output.slice(-3000));
});

const idleMost = 16 * 1024;   // bytes a connection, of the listener's own: what ergsync-listener(8) states

test('an idle connection costs at most 16 KiB', async (t) => {
  const count = 400;
  const stack = await Stack.make(t);
  stack.writeConfig();
  const listener = stack.spawn(shipped, ['--config', stack.file('ergsync.conf')], { env: { RUNTIME_DIRECTORY: '' }, system: true });
  await eventually('the listener is ready', () => /event=ready/.test(listener.output));
  const own = () => 1024 * Number(/^RssAnon:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${listener.child.pid}/status`, 'utf8'))[1]);
  const ca = fs.readFileSync(stack.tls.ca);
  const sockets = [];
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  /** A connection that was answered once and is kept. */
  const keep = () => new Promise((done, failed) => {
    const socket = tls.connect({ host: '127.0.0.1', port: stack.publicPort, ca, servername: 'localhost' }, () => socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n'));
    socket.on('error', failed);
    socket.once('data', () => done(sockets.push(socket)));
  });
  await keep();
  const before = own();
  for (let i = 0; i < count; i += 20) await Promise.all(Array.from({ length: 20 }, keep));
  // What handshakes used goes back to the system some time after the last of them.
  const each = await eventually('they cost no more', () => { const bytes = (own() - before) / count; return bytes <= idleMost && { bytes }; }, { within: 15_000 });
  console.log(`${count} idle connections: ${(each.bytes / 1024).toFixed(1)} KiB each, ${(before / 1048576).toFixed(1)} MiB without them`);
});
