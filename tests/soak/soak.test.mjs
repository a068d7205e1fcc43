// A long time of mixed load with faults: descriptors, threads and memory stay flat, the store stays bounded, and both sides are
// equal at the end. tests/soak/run does it with the programs as shipped; ERGSYNC_SOAK_MINUTES is how long.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { Stack, eventually, request, sameSet, sleep } from '../e2e/lib/stack.mjs';
import { Load } from './lib/load.mjs';
import { trend } from './lib/trend.mjs';

const minutes = Number(process.env.ERGSYNC_SOAK_MINUTES ?? 1);
const instrumented = process.env.ERGSYNC_SOAK_SHIPPED !== '1';   // the sanitizers keep freed memory for a while: theirs is not judged
const exact = process.env.ERGSYNC_SOAK_EXACT === '1';   // glibc's malloc keeps nothing for its threads
const every = Math.max(1000, minutes * 200);
const MIB = 1 << 20;

/** Of one process: descriptors, threads, memory of its own (without mapped files, which the kernel may drop). value: of its metrics. */
function look({ name, child: { pid } }, value) {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  const number = (name) => Number(status.match(new RegExp(`^${name}:\\s+(\\d+)`, 'm'))[1]);
  return { descriptors: fs.readdirSync(`/proc/${pid}/fd`).length, threads: number('Threads'), memory: number('RssAnon') * 1024, claimed: number('VmData') * 1024, heap: value(`${name.replace('-', '_')}_heap_bytes`) };
}

async function metrics(stack) {
  const { text } = await request({ url: `http://127.0.0.1:${stack.adminPort}/metrics` });
  return (name) => Number(text.match(new RegExp(`^${name} (\\S+)$`, 'm'))?.[1] ?? NaN);
}

/**
 * What a figure may grow by over the whole measured time. claimed is the address space asked of the kernel for data; memory is what the
 * kernel has given of it, which rises for a while as ever more of its pages are touched. heap is what the program has not given back:
 * what rises there for good is a leak. malloc counts there what its threads keep for their next call, 230 KiB each at most, and fills
 * that over hours; with ERGSYNC_SOAK_EXACT it keeps nothing, and the heap is what is in use to the byte.
 */
const judged = (bytes) => (instrumented ? Infinity : bytes);
const growth = { descriptors: minutes < 5 ? 10 : 3, threads: 0, claimed: judged(MIB), memory: judged(MIB), heap: judged(exact ? MIB / 8 : MIB / 4) };
const kibibytes = (n) => `${(n / 1024).toFixed(0)} KiB`;
const shown = { descriptors: (n) => n.toFixed(1), threads: (n) => n.toFixed(1), claimed: kibibytes, memory: kibibytes, heap: kibibytes };

test(`${minutes} minutes of mixed load with faults`, { timeout: (minutes + 45) * 60_000 }, async (t) => {
  const stack = await Stack.make(t, { config: { sync: { removal_percent: '100', removal_limit: '1000000', drift_check: `${Math.ceil(Math.max(5, minutes * 2))}s`, sweep: `${Math.ceil(Math.max(15, minutes * 6))}s`, settle: '5s' }, app: { feed_keep: `${Math.ceil(Math.max(10, minutes * 6))}s` } } });
  if (exact) process.env.GLIBC_TUNABLES = 'glibc.malloc.tcache_count=0';   // of every process started from here on
  await stack.startSim();
  await stack.startApp();
  stack.options.config.app = { listen: 'unix:run/app.sock', callback_url: `${stack.appUrl}/callbacks`, callback_secret_file: 'callback.secret', ...stack.options.config.app };
  stack.writeConfig();
  await stack.startListener();
  await stack.startReconciler();
  const worlds = [];
  for (const [i, members] of [[0, 12], [1, 30]]) {
    const world = await stack.world({ users: 60, members });
    const spare = await stack.control('POST', 'teams', { tenant: world.tenant, owners: [world.users[0].id], members: [world.users[1].id] });
    const names = { tenantId: `tenant${i}`, erg: `erg${i}` };
    await stack.link(world, names);
    worlds.push({ ...world, ...names, spare });
  }
  for (const w of worlds) await stack.inSync(w.erg);

  const daemons = { listener: stack.listener, reconciler: stack.reconciler };
  const value = await metrics(stack);
  const atRest = Object.fromEntries(Object.entries(daemons).map(([name, p]) => [name, look(p, value)]));
  t.after(() => { if (process.env.ERGSYNC_SOAK_LOG) fs.writeFileSync(process.env.ERGSYNC_SOAK_LOG, stack.reconciler.output); });
  const samples = { listener: [], reconciler: [], store: [], inbox: [] };
  const load = new Load(stack, worlds);
  await load.tidy();
  load.start();
  const began = Date.now();
  for (let next = began; Date.now() - began < minutes * 60_000;) {
    next += every;
    await sleep(Math.max(0, next - Date.now()));
    const x = (Date.now() - began) / 3_600_000;
    for (const [name, p] of Object.entries(daemons)) assert.ok(!p.over, `${name} ended with ${p.code} ${p.signal}: ${p.output.slice(-3000)}`);
    const value = await metrics(stack);
    for (const [name, p] of Object.entries(daemons)) samples[name].push({ x, ...look(p, value) });
    samples.store.push({ x, used: value('ergsync_store_used_bytes'), file: value('ergsync_store_file_bytes') });
    samples.inbox.push({ x, used: value('ergsync_listener_inbox_used_bytes'), file: value('ergsync_listener_inbox_file_bytes') });
  }
  await load.stop();

  console.log(`load: ${JSON.stringify(load.counts)}`);
  console.log(`posts by answer: ${JSON.stringify(load.poster.statuses)}`);
  if (Object.keys(load.failures).length) console.log(`did not succeed: ${JSON.stringify(load.failures)}`);

  // The first third is warming up: pools and caches fill.
  const settled = (list) => list.slice(Math.floor(list.length / 3));
  const wrong = [];
  for (const name of Object.keys(daemons)) {
    for (const [what, limit] of Object.entries(growth)) {
      const points = settled(samples[name]).map((s) => ({ x: s.x, y: s[what] })).filter((p) => Number.isFinite(p.y));
      const { first, last, least, most, slope } = trend(points);
      const hours = points.at(-1).x - points[0].x;
      const show = shown[what];
      const later = trend(points.slice(Math.floor(points.length / 2))).slope;
      console.log(`${name} ${what}: at rest ${show(atRest[name][what])}, then ${show(first)} -> ${show(last)} (${show(least)} to ${show(most)}), slope ${show(slope)} an hour, in the last third ${show(later)}`);
      if (Math.max(last - first, slope * hours) > limit) wrong.push(`${name}: ${what} grow`);
    }
  }
  for (const name of ['store', 'inbox']) {
    const points = settled(samples[name]).filter((s) => Number.isFinite(s.used));
    const used = trend(points.map((s) => ({ x: s.x, y: s.used })));
    const file = trend(points.map((s) => ({ x: s.x, y: s.file })));
    console.log(`${name}: ${(used.first / 1024).toFixed(0)} -> ${(used.last / 1024).toFixed(0)} KiB used (at most ${(used.most / 1024).toFixed(0)}), file ${(file.last / 1024).toFixed(0)} KiB, slope ${(used.slope / 1024).toFixed(0)} KiB an hour`);
    if (used.most > 8 * MIB) wrong.push(`the ${name} grows beyond 8 MiB`);
    if (minutes >= 10 && used.last > used.first * 1.5 + MIB) wrong.push(`the ${name} grows`);
  }
  assert.deepEqual(wrong, []);
  assert.deepEqual(Object.keys(load.poster.statuses).filter((s) => s !== '202'), [], 'every notification was acknowledged');

  // Peace: both sides are equal, nothing waits, and what the load had opened is closed again. Back-offs are up to 15 minutes long by
  // then, so a short run leaves equality to others.
  for (const w of minutes < 5 ? [] : worlds) {
    await eventually(`${w.erg} is equal on both sides`, async () => {
      const erg = await stack.erg(w.erg);
      const inTeams = new Set();
      for (let after = ''; ;) {
        const page = (await stack.api('GET', `/v1/ergs/${w.erg}/members?limit=50${after && `&after=${encodeURIComponent(after)}`}`)).json;
        for (const m of page.members) {
          if (m.in_teams) inTeams.add(m.entra_id);
          if (m.in_app !== m.in_teams && m.status !== 'refused_by_app') throw new Error(JSON.stringify(m));   // some changes were refused: see load.mjs
        }
        if (page.next === null) break;
        after = page.next;
      }
      if (erg.state !== 'in_sync' || erg.members.pending !== 0) throw new Error(JSON.stringify(erg));
      return sameSet(inTeams, await stack.membersInTeams(w.team.id));
    }, { within: 1_200_000, every: 1000 });
  }
  if (minutes >= 5) await eventually('nothing waits', async () => {
    const { json } = await stack.api('GET', '/v1/status');
    return json.inbox.backlog === 0 && json.callbacks.backlog === 0;
  }, { within: 1_200_000, every: 500 });
  for (const [name, p] of Object.entries(daemons)) {
    await eventually(`${name} has as few descriptors as before`, () => {
      const now = look(p, () => NaN).descriptors;
      if (now > atRest[name].descriptors + (name === 'reconciler' ? 12 : 0)) throw new Error(`${now} instead of ${atRest[name].descriptors}`);   // kept-alive connections to Graph and the app
      return true;
    }, { within: 90_000, every: 500 });
    assert.equal(look(p, () => NaN).threads, atRest[name].threads);
  }
});
