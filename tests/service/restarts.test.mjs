// Restarts under load, as an upgrade does them: the port is passed by the service manager, so no connection is refused and none is
// reset, and all that was answered 202 reaches the reconciler, which is restarted at the same time.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import https from 'node:https';
import test from 'node:test';
import { Stack, eventually, request, sleep } from '../e2e/lib/stack.mjs';
import { memberItem } from '../e2e/lib/poster.mjs';
import { Managed } from './lib/manager.mjs';

const restarts = Number(process.env.ERGSYNC_RESTARTS ?? 200);
const perSecond = Number(process.env.ERGSYNC_RESTART_POSTS ?? 500);
const KEPT = 12;      // workers with a kept-alive connection each
const FRESH = 4;      // workers with a new connection for each post
const FRESH_SHARE = 0.1;

/** Posts one after another at a pace, and counts what came of it. */
class Load {
  constructor(stack, make) {
    this.make = make;
    this.where = { host: '127.0.0.1', port: stack.publicPort, servername: 'localhost', ca: fs.readFileSync(stack.tls.ca), path: '/graph/notifications', method: 'POST' };
    this.counts = { acknowledged: 0, refused: 0, reset: 0, unanswered: 0, closedWhileIdle: 0, statuses: {} };
    this.took = [];
    this.errors = new Set();
  }

  once(agent, body) {
    return new Promise((done) => {
      const call = https.request({ ...this.where, agent, timeout: 20_000, headers: { 'content-type': 'application/json', 'content-length': body.length } }, (answer) => {
        answer.resume();
        answer.on('error', (error) => done({ error, answered: true }));
        answer.on('end', () => done({ status: answer.statusCode }));
      });
      call.on('error', (error) => done({ error, reused: call.reusedSocket }));
      call.on('timeout', () => call.destroy(new Error('timeout')));
      call.end(body);
    });
  }

  /** A connection that was closed while idle tells nothing of the request that met its end: as every client does, once more. */
  async post(agent) {
    const body = Buffer.from(JSON.stringify({ value: [this.make()] }));
    const start = performance.now();
    let result = await this.once(agent, body);
    while (result.error && result.reused && result.error.message === 'socket hang up') {
      this.counts.closedWhileIdle++;
      result = await this.once(agent, body);
    }
    this.took.push(performance.now() - start);
    if (result.error) {
      this.errors.add(`${result.error.code} ${result.error.message} ${result.reused ? 'kept' : 'new'}`);
      this.counts[{ ECONNREFUSED: 'refused', ECONNRESET: 'reset', EPIPE: 'reset' }[result.error.code] ?? 'unanswered']++;
    } else {
      this.counts.statuses[result.status] = (this.counts.statuses[result.status] ?? 0) + 1;
      if (result.status === 202) this.counts.acknowledged++;
    }
  }

  async worker(agent, rate) {
    let due = performance.now();
    while (!this.over) {
      await this.post(agent);
      due = Math.max(due + 1000 / rate, performance.now() - 1000);
      if (due > performance.now()) await sleep(due - performance.now());
    }
  }

  start() {
    this.began = performance.now();
    this.agents = Array.from({ length: KEPT }, () => new https.Agent({ keepAlive: true, maxSockets: 1 }));
    this.running = Promise.all([
      ...this.agents.map((agent) => this.worker(agent, perSecond * (1 - FRESH_SHARE) / KEPT)),
      ...Array.from({ length: FRESH }, () => this.worker(false, perSecond * FRESH_SHARE / FRESH)),
    ]);
  }

  async stop() {
    this.over = true;
    await this.running;
    for (const agent of this.agents) agent.destroy();
    this.seconds = (performance.now() - this.began) / 1000;
    this.took.sort((a, b) => a - b);
  }
}

test(`${restarts} restarts of each daemon under load`, async (t) => {
  const stack = await Stack.make(t);
  await stack.startSim();
  await stack.startApp();
  stack.writeConfig();
  const listener = new Managed('ergsync-listener', ['--config', stack.file('ergsync.conf')], { listen: stack.publicPort });
  t.after(() => listener.stop());
  await listener.heard('notify', /READY=1/);
  let reconciler = new Managed('ergsync-reconciler', ['--config', stack.file('ergsync.conf')]);
  t.after(() => reconciler.stop());
  await reconciler.heard('notify', /READY=1/);
  const world = await stack.world({ users: 8, members: 3 });
  await stack.link(world);
  await stack.inSync();
  const [subscription] = (await stack.control('GET', 'subscriptions')).subscriptions;

  let n = 0;
  const load = new Load(stack, () => memberItem(subscription, world.tenant, world.team.id, `restart-${n++}`, 'updated'));
  load.start();
  for (let i = 0; i < restarts; i++) await Promise.all([listener.restart(), reconciler.restart()]);
  // Joins that only notifications tell of, in the middle of restarts.
  const joiners = world.users.slice(4).map((user) => user.id);
  for (const user of joiners) {
    const { members } = await stack.control('POST', 'members', { op: 'add', team: world.team.id, user, quiet: true });
    const item = Buffer.from(JSON.stringify({ value: [memberItem(subscription, world.tenant, world.team.id, members[0].id)] }));
    const [{ status }] = await Promise.all([load.once(false, item), listener.restart(), reconciler.restart()]);
    assert.equal(status, 202);
  }
  await load.stop();

  const at = (share) => load.took[Math.floor(share * (load.took.length - 1))].toFixed(0);
  t.diagnostic(`${restarts + joiners.length} restarts of each in ${load.seconds.toFixed(1)} s, ${(load.took.length / load.seconds).toFixed(0)} posts/s; answered after ${at(0.5)} ms (median), ${at(0.99)} ms (99 %), ${at(1)} ms (longest); ${JSON.stringify(load.counts)}`);
  if (load.errors.size) t.diagnostic([...load.errors].join('; '));
  assert.equal(load.counts.refused, 0, 'no connection is refused');
  assert.equal(load.counts.reset, 0, 'none is reset');
  assert.equal(load.counts.unanswered, 0, 'none is left without an answer');
  assert.deepEqual(Object.keys(load.counts.statuses), ['202'], 'every post is acknowledged');
  for (const daemon of [listener, reconciler]) assert.deepEqual(daemon.all('exited').filter(({ text }) => text !== '0'), [], `${daemon.name} ends well: ${daemon.output.slice(-2000)}`);

  // Everything acknowledged is in the inbox or consumed: joins are seen, nothing waits.
  await eventually('all joins have reached the app', async () => {
    const members = await stack.membersByFeed();
    if (!joiners.every((user) => members.has(user))) throw new Error(`${members.size} members`);
    return (await stack.api('GET', '/v1/status')).json.inbox.backlog === 0;
  });

  // One by one: with the reconciler running through, it must have read as many notifications as were acknowledged.
  const read = async () => Number((await request({ url: `http://127.0.0.1:${stack.adminPort}/metrics` })).text.match(/^ergsync_hints_total\{outcome="accepted"\} (\d+)$/m)[1]);
  const before = await read();
  const second = new Load(stack, () => memberItem(subscription, world.tenant, world.team.id, `count-${n++}`, 'updated'));
  second.start();
  for (let i = 0; i < Math.ceil(restarts / 10); i++) await listener.restart();
  await second.stop();
  await eventually('all acknowledged notifications have been read', async () => {
    const seen = await read() - before;
    if (seen < second.counts.acknowledged) throw new Error(`${seen} of ${second.counts.acknowledged}`);
    return true;
  });
  t.diagnostic(`${second.counts.acknowledged} acknowledged, ${await read() - before} read`);
  for (const daemon of [reconciler, listener]) {
    daemon.command('stop');
    await daemon.heard('exited', undefined, daemon.all('exited').length + 1);
    assert.equal(daemon.all('exited').at(-1).text, '0', daemon.output.slice(-2000));
  }
});
