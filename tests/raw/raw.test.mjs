// Every raw case against a real listener over TLS, and the same bytes against Node's own HTTP parser.
// node --test raw.test.mjs with LISTENER=path of ergsync-listener
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { cases } from './cases.mjs';
import { Listener, notification, parseAnswers } from './listener.mjs';

const canary = 'GET /healthz HTTP/1.1\r\nHost: canary\r\nConnection: close\r\n\r\n';
let listener;

before(async () => { listener = await Listener.start(process.env.LISTENER); });
after(async () => {
  const { code } = await listener.stop();
  assert.equal(code, 0, listener.log);
  assert.doesNotMatch(listener.log, /Sanitizer|runtime error/);
  listener.remove();
});

async function run(c) {
  // The canary behind each request is answered if, and only if, the listener still trusts the framing.
  const parts = c.half ? [Buffer.from(c.raw)] : [Buffer.concat([Buffer.from(c.raw), Buffer.from(canary)])];
  return parseAnswers(await listener.exchange(parts, { half: c.half }));
}

function checkErrors(answer) {
  if (answer.status < 400) return;
  assert.equal(answer.headers['content-type'], 'application/problem+json');
  assert.equal(answer.headers['x-content-type-options'], 'nosniff');
  if (answer.body.length > 0) assert.equal(JSON.parse(answer.body).status, answer.status);
}

for (const c of cases) {
  test(`raw: ${c.name}`, async () => {
    const answers = await run(c);
    const statuses = answers.map((a) => a.status).filter((s) => s !== 100);
    const expected = c.never ? [] : c.bad ? [c.bad] : [...c.answers, ...(c.closes || c.half ? [] : [200])];
    if (c.noBody) {
      // The answer to HEAD tells a length and has no body: read it by hand.
      assert.equal(answers[0].status, c.answers[0]);
      return;
    }
    assert.deepEqual(statuses, expected);
    if (c.bad || c.closes) assert.equal(answers.at(-1)?.headers.connection, c.never ? undefined : 'close');
    if (c.allow) assert.equal(answers[0].headers.allow, c.allow);
    if (c.body !== undefined) {
      assert.equal(answers[0].body.toString(), c.body);
      assert.match(answers[0].headers['content-type'], /^text\/plain/);
      assert.equal(answers[0].headers['x-content-type-options'], 'nosniff');
    }
    answers.forEach(checkErrors);
  });
}

// Node's verdict: did it hand out the first request? Without any verdict the input was not a whole request to Node.
function nodeAccepts(raw) {
  return new Promise((resolve) => {
    const sockets = new Set();
    const finish = (accepted) => { for (const s of sockets) s.destroy(); server.close(() => resolve(accepted)); };
    const server = http.createServer(() => finish(true));
    server.on('connection', (socket) => { sockets.add(socket); socket.on('close', () => { sockets.delete(socket); finish(false); }); });
    server.on('clientError', () => finish(false));
    server.on('connect', () => finish(true));
    server.on('checkExpectation', () => finish(false));
    server.on('checkContinue', () => finish(true));
    server.listen(0, '127.0.0.1', () => {
      const socket = net.connect(server.address().port, '127.0.0.1', () => socket.end(Buffer.from(raw)));
      socket.on('error', () => {});
      socket.resume();
    });
  });
}

// The table tells where we are stricter than Node 20's parser; older ones let more pass.
const comparable = Number(process.versions.node.split('.')[0]) >= 20;
if (!comparable) console.log(`SKIPPED: the comparison with Node's parser wants Node 20 or later; this is ${process.version}`);

for (const c of comparable ? cases : []) {
  test(`node: ${c.name}`, async () => {
    const ours = !c.bad;
    const theirs = await nodeAccepts(c.raw);
    const verdict = ours === theirs ? 'same' : theirs ? 'accepts' : 'refuses';
    assert.equal(verdict, c.node ?? 'same');
  });
}

test('each case, byte by byte, has the same answers', async () => {
  for (const c of cases.filter((c) => Buffer.byteLength(c.raw) < 600 && !c.half && !c.noBody).filter((_, i) => i % 7 === 0)) {
    const whole = (await run(c)).map((a) => a.status);
    const bytes = Buffer.concat([Buffer.from(c.raw), Buffer.from(canary)]);
    const pieces = Array.from({ length: Math.ceil(bytes.length / 3) }, (_, i) => bytes.subarray(3 * i, 3 * i + 3));
    const cut = parseAnswers(await listener.exchange(pieces, { pauseMs: 1 })).map((a) => a.status).filter((s) => s !== 100);
    assert.deepEqual(cut, whole.filter((s) => s !== 100), c.name);
  }
});

test('100 Continue comes before the body is sent', async () => {
  const body = JSON.stringify({ value: [notification()] });
  const head = `POST /graph/notifications HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`;
  const interim = await listener.exchange([head], { enough: (bytes) => bytes.includes('\r\n\r\n') });
  assert.match(interim.toString(), /^HTTP\/1\.1 100 Continue\r\n\r\n$/);
  const answers = parseAnswers(await listener.exchange([head, body], { pauseMs: 30 }));
  assert.deepEqual(answers.map((a) => a.status), [100, 202]);
});

test('100,000 forged items: 202, and nothing is stored', async () => {
  const item = { ...notification('v1.' + 'A'.repeat(86)) };
  const body = JSON.stringify({ value: Array(100).fill(item) });
  const request = `POST /graph/notifications HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n`;
  const last = request.replace('\r\nHost', '\r\nConnection: close\r\nHost');
  let accepted = 0;
  for (let connection = 0; connection < 10; connection++) {
    const parts = Array.from({ length: 100 }, (_, i) => (i < 99 ? request : last) + body);
    accepted += parseAnswers(await listener.exchange(parts, { timeoutMs: 60000 })).filter((a) => a.status === 202).length;
  }
  assert.equal(accepted, 1000);
  assert.equal(listener.child.exitCode, null);
});
