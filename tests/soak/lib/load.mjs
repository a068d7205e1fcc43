// Everything that comes to ergsync in a bad month, at once: people who come and go on both sides, true, repeated and forged
// notifications, broken connections, readers, reloads, resyncs, ERGs made and deleted; and the faults of everybody else.
import crypto from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';
import { Poster, memberItem } from '../../e2e/lib/poster.mjs';
import { random, request, sleep } from '../../e2e/lib/stack.mjs';

const pick = (list) => list[random(list.length)];

export class Load {
  constructor(stack, worlds) {
    this.stack = stack;
    this.worlds = worlds;
    this.counts = {};
    this.failures = {};
    this.poster = new Poster(stack, 8);
  }

  count(what) { this.counts[what] = (this.counts[what] ?? 0) + 1; }

  /** Repeats job, with about every_ms between, until the end. What fails is counted: with these faults some must. */
  async actor(name, every, job) {
    while (!this.over) {
      await sleep(every / 2 + random(every));
      if (this.over) return;
      try {
        await job();
        this.count(name);
      } catch (e) {
        this.failures[`${name}: ${e.message.slice(0, 80)}`] = (this.failures[`${name}: ${e.message.slice(0, 80)}`] ?? 0) + 1;
      }
    }
  }

  // --- people ---
  async inTeams() {
    const w = pick(this.worlds);
    const members = new Set((await this.stack.control('GET', `members?team=${w.team.id}`)).members.map((m) => m.user));
    const user = w.users[2 + random(w.users.length - 2)].id;
    await this.stack.control('POST', 'members', { op: members.has(user) ? 'remove' : 'add', team: w.team.id, user, quiet: random(10) === 0 });
  }
  async inApp() {
    const w = pick(this.worlds);
    const user = w.users[2 + random(w.users.length - 2)];
    if (random(2)) await this.stack.api('PUT', `/v1/ergs/${w.erg}/members/app-${user.id}`, { entra_id: user.id, role: 'member' });
    else await this.stack.api('DELETE', `/v1/ergs/${w.erg}/members/app-${user.id}`);
  }
  async ergs() {
    const w = this.worlds[0];
    const made = await this.stack.api('PUT', '/v1/ergs/fleeting', { tenant: w.tenantId, name: 'Comes and goes', channel_url: this.stack.teamUrl(w.tenant, w.spare), membership: 'two-way', meetings: 'off' });
    if (made.status < 300) await sleep(500);
    await this.stack.api('DELETE', '/v1/ergs/fleeting');
  }

  // --- notifications ---
  async items(forged) {
    const subscriptions = this.subscriptions ?? [];
    const s = subscriptions.length ? pick(subscriptions) : { id: 'none', clientState: 'none' };
    const item = memberItem(s, this.worlds[0].tenant, this.worlds[0].team.id, `again-${random(50)}`, pick(['created', 'updated', 'deleted']));
    return [forged ? { ...item, clientState: 'v1.' + crypto.randomBytes(64).toString('base64url') } : item];
  }
  async vandalism() {
    const where = { host: '127.0.0.1', port: this.stack.publicPort };
    const kinds = [
      () => net.connect(where),
      () => net.connect(where, function greet() { this.write(crypto.randomBytes(1 + random(400))); }),
      () => tls.connect({ ...where, rejectUnauthorized: false }, function half() { this.write('POST /graph/notifications HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{"value":[{'); }),
      () => tls.connect({ ...where, rejectUnauthorized: false }, function junk() { this.write(crypto.randomBytes(200)); }),
    ];
    const socket = pick(kinds)();
    socket.on('error', () => undefined);
    await sleep(random(3000));
    socket.destroy();
  }

  // --- who looks on, and who administers ---
  async look() {
    await Promise.all([
      request({ url: `http://127.0.0.1:${this.stack.adminPort}/metrics` }),
      this.stack.api('GET', '/v1/status'), this.stack.api('GET', '/v1/ergs'), this.stack.api('GET', `/v1/ergs/${pick(this.worlds).erg}/members?limit=20`),
    ]);
  }
  async follow() {
    const newest = (await this.stack.api('GET', '/v1/status')).json.feed_seq ?? 0;
    await this.stack.api('GET', `/v1/changes?after=${newest}&wait=2`);
  }
  async administer() {
    await this.stack.ctl('status');
    for (const program of [this.stack.listener, this.stack.reconciler]) program.child.kill('SIGHUP');
  }
  async resync() {
    const { status } = await this.stack.api('POST', '/v1/resyncs', { scope: pick(['all', `erg:${pick(this.worlds).erg}`, `tenant:${pick(this.worlds).tenantId}`]) });
    this.count(`resync ${status}`);
  }

  // --- faults ---
  /** For a while one or two things are broken; then there is a while of peace. */
  async fault() {
    const { stack } = this;
    const team = pick(this.worlds).team.id;
    const faults = [
      { kind: 'status', status: 503, retry_after_s: 1, probability: 0.3, count: 0 }, { kind: 'status', status: 429, retry_after_s: 2, probability: 0.3, count: 0 },
      { kind: 'status', status: 500, path: `/teams/${team}`, probability: 0.5, count: 0 }, { kind: 'close_before', probability: 0.2, count: 0 },
      { kind: 'close_after', probability: 0.2, count: 0 }, { kind: 'truncate', path: `/teams/${team}/members`, count: 3 },
      { kind: 'timeout_before', path: `/teams/${team}`, count: 1 }, { kind: 'delay', delay_ms: 1500, probability: 0.3, count: 0 },
      { kind: 'lag', delay_ms: 2000, path: `/teams/${team}/members`, count: 0 }, { kind: 'short_page', path: `/teams/${team}/members`, count: 1 },
      { kind: 'drop', probability: 0.3, count: 0 }, { kind: 'duplicate', probability: 0.5, count: 0 }, { kind: 'reorder', probability: 0.5, count: 0 },
    ];
    const other = [
      () => stack.appAnswers({ status: pick([500, 503, 429]), count: 3 }), () => stack.appAnswers({ status: 500, count: 2, silent: true }), () => stack.appAnswers({ status: 422, count: 1 }),
      () => stack.control('POST', 'expire', { tokens: true }), () => stack.control('POST', 'expire', { delta: true }),
      () => stack.control('POST', 'consent', { tenant: pick(this.worlds).tenant, consent: 'withdrawn' }),
      async () => { if (this.subscriptions?.length) await stack.control('DELETE', `subscriptions/${pick(this.subscriptions).id}`); },
    ];
    const made = await stack.control('POST', 'faults', { faults: [pick(faults), pick(faults)] });
    await pick(other)();
    await sleep(1000 + random(3000));
    for (const { id } of made.faults) await stack.control('DELETE', `faults/${id}`).catch(() => undefined);   // used up ones are gone
    await this.peace();
  }
  async peace() {
    await this.stack.control('DELETE', 'faults');
    for (const w of this.worlds) await this.stack.control('POST', 'consent', { tenant: w.tenant, consent: 'granted' });
  }
  /** What the stand-ins would otherwise pile up; and the newest subscriptions. */
  async tidy() {
    await this.stack.control('DELETE', 'requests');
    await request({ method: 'POST', url: `${this.stack.appUrl}/_app/reset` }, {});
    this.subscriptions = (await this.stack.control('GET', 'subscriptions')).subscriptions;
  }

  start() {
    this.running = Promise.all([
      this.actor('change in Teams', 700, () => this.inTeams()), this.actor('change in the app', 900, () => this.inApp()), this.actor('ERG made and deleted', 8000, () => this.ergs()),
      this.actor('notification repeated', 60, async () => this.poster.post(await this.items(false))), this.actor('notification forged', 60, async () => this.poster.post(await this.items(true))),
      this.actor('notification on a new connection', 400, async () => this.stack.public('POST', '/graph/notifications', { value: await this.items(random(2) === 0) })),
      this.actor('broken connection', 100, () => this.vandalism()), this.actor('broken connection', 100, () => this.vandalism()),
      this.actor('look', 1500, () => this.look()), this.actor('wait for changes', 500, () => this.follow()), this.actor('wait for changes', 500, () => this.follow()),
      this.actor('ergsyncctl status, reload', 10_000, () => this.administer()), this.actor('resync', 15_000, () => this.resync()),
      this.actor('fault', 3000, () => this.fault()), this.actor('tidy', 5000, () => this.tidy()),
    ]);
  }

  async stop() {
    this.over = true;
    await this.running;
    await this.peace();
    this.poster.close();
  }
}
