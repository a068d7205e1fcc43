// The durable receiver people would write instead: fastify over HTTPS, the items of many requests appended together and
// fdatasync'ed, then 202 to all of them. clientState is checked as ours is. Not tuned beyond what its documentation suggests.
// node receiver.mjs PORT CERTIFICATE KEY INTAKE_KEY LOG_FILE LOG_MAX_BYTES
import { createHmac, timingSafeEqual } from 'node:crypto';
import { fdatasync, openSync, readFileSync, write } from 'node:fs';
import Fastify from 'fastify';

const [port, certificate, keyFile, intakeKeyFile, logFile, logMax] = process.argv.slice(2);
const intakeKey = Buffer.from(readFileSync(intakeKeyFile, 'utf8'), 'base64');
const log = openSync(logFile, 'w');
let position = 0;
let waiting = [];
let writing = false;

function ours(state) {
  if (typeof state !== 'string' || !state.startsWith('v1.')) return false;
  const bytes = Buffer.from(state.slice(3), 'base64url');
  return bytes.length === 64 && timingSafeEqual(createHmac('sha256', intakeKey).update(bytes.subarray(0, 32)).digest(), bytes.subarray(32));
}

function flush() {
  if (writing || waiting.length === 0) return;
  const batch = waiting;
  waiting = [];
  writing = true;
  const data = Buffer.from(batch.map((b) => b.lines).join(''));
  // The file is written over from its start again: it stays bounded, as the other receiver's store does.
  if (position + data.length > Number(logMax)) position = 0;
  const end = (error) => {
    writing = false;
    for (const b of batch) error ? b.reject(error) : b.resolve();
    flush();
  };
  write(log, data, 0, data.length, position, (error) => (error ? end(error) : fdatasync(log, end)));
  position += data.length;
}

const store = (lines) => new Promise((resolve, reject) => {
  waiting.push({ lines, resolve, reject });
  setImmediate(flush);
});

const app = Fastify({
  https: { cert: readFileSync(certificate), key: readFileSync(keyFile), minVersion: 'TLSv1.2' },
  bodyLimit: 1 << 20, keepAliveTimeout: 60000,
});
app.post('/graph/notifications', async (request, reply) => {
  const items = request.body.value.filter((item) => ours(item.clientState));
  if (items.length > 0) {
    await store(items.map((i) => JSON.stringify([i.clientState, i.changeType, i.resourceData?.id ?? i.resource]) + '\n').join(''));
  }
  return reply.code(202).send();
});
await app.listen({ port: Number(port), host: '127.0.0.1' });
console.log('ready');
