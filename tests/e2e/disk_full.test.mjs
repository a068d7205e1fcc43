// A full disk: the listener answers 503 and nothing else, stays alive, and takes up again by itself. Needs root for a small file system.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import test from 'node:test';
import { Stack, eventually } from './lib/stack.mjs';
import { Poster, inParallel, memberItem } from './lib/poster.mjs';

function mount(directory, size) {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'tmpfs', directory], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}

test('a full disk refuses, never crashes, recovers', async (t) => {
  const stack = await Stack.make(t);
  fs.mkdirSync(stack.file('state'), { mode: 0o700 });
  if (!mount(stack.file('state'), '96m')) {
    console.log('SKIPPED: no right to mount a small file system here; run as root to prove the full disk');
    t.skip('cannot mount');
    return;
  }
  stack.beforeRemoval = () => execFileSync('umount', [stack.file('state')]);
  await stack.start();
  const world = await stack.world({ users: 6, members: 2 });
  await stack.link(world);
  await stack.inSync();
  const [subscription] = (await stack.control('GET', 'subscriptions')).subscriptions;
  const poster = new Poster(stack);
  t.after(() => poster.close());
  await stack.reconciler.kill('SIGKILL');     // nobody empties the inbox

  const filler = stack.file('state/filler');
  const fill = () => {
    const fd = fs.openSync(filler, 'a');
    try { for (;;) fs.writeSync(fd, Buffer.alloc(64 * 1024)); } catch (e) { assert.equal(e.code, 'ENOSPC'); } finally { fs.closeSync(fd); }
  };
  fill();
  const body = (i) => Array.from({ length: 200 }, (_, k) => memberItem(subscription, world.tenant, world.team.id, `full-${i}-${k}-${'x'.repeat(300)}`));
  for (const items of [200, 1]) {             // large bodies first, then what is left is filled with the smallest
    await eventually('the listener refuses', async () => {
      const seen = [];
      await inParallel(40, 8, async (i) => seen.push(await poster.post(body(i).slice(0, items))));
      assert.ok(seen.every((s) => s === 202 || s === 503), seen.join(' '));
      return seen.every((s) => s === 503);
    }, { within: 120_000 });
  }
  const refusal = await stack.public('POST', '/graph/notifications', { value: body(0) });
  assert.equal(refusal.status, 503);
  assert.match(refusal.headers['retry-after'] ?? '', /^[0-9]+$/);
  await eventually('healthz says that it cannot store', async () => (await stack.public('GET', '/healthz')).status === 503);
  assert.equal(stack.listener.over, undefined, 'the listener lives');

  const { members } = await stack.control('POST', 'members', { op: 'add', team: world.team.id, user: world.users[5].id, quiet: true });
  fs.rmSync(filler);
  await stack.startReconciler();              // empties the inbox: room again, without help
  await eventually('the listener takes up again', async () => (await poster.post([memberItem(subscription, world.tenant, world.team.id, members[0].id)])) === 202, { within: 60_000, every: 200 });
  await eventually('the join arrives', async () => (await stack.received()).some((c) => c.event.data.entra_id === world.users[5].id));
  assert.deepEqual(Object.keys(poster.statuses).sort(), ['202', '503']);
  console.log(`answers: ${JSON.stringify(poster.statuses)}`);
});
