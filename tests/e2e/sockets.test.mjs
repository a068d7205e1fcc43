// Somebody cleans the runtime directory: the daemons bind their sockets anew by themselves, and say so while they cannot.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { Stack, eventually, request } from './lib/stack.mjs';

const ready = (stack) => request({ url: `http://127.0.0.1:${stack.adminPort}/readyz` });

/** The app API answers, the listener tells its figures and wakes the reconciler. */
async function allWork(stack, world, user) {
  await eventually('the app API answers', async () => (await stack.api('GET', '/v1/status')).status === 200);
  await eventually('the daemons hear each other', async () => (await request({ url: `http://127.0.0.1:${stack.adminPort}/metrics` })).text.includes('ergsync_listener_up 1'));
  await stack.control('POST', 'members', { op: 'add', team: world.team.id, user: user.id });
  await eventually('a notification wakes the reconciler', async () => (await stack.membersByFeed()).has(user.id));
  await eventually('it is ready', async () => (await ready(stack)).status === 200);
  assert.equal(fs.statSync(stack.file('run/app.sock')).mode & 0o777, 0o660);
}

test('a cleaned runtime directory mends itself', async (t) => {
  const stack = await Stack.make(t);
  await stack.start();
  const world = await stack.world({ users: 10, members: 2 });
  await stack.link(world);
  await stack.inSync();
  const run = stack.file('run');

  await t.test('its sockets are gone', async () => {
    for (const name of fs.readdirSync(run)) fs.unlinkSync(`${run}/${name}`);
    await allWork(stack, world, world.users[5]);
  });

  await t.test('the directory itself is gone, and cannot be made again, and then it can', async () => {
    fs.rmSync(run, { recursive: true });
    fs.writeFileSync(run, '');
    await eventually('both say so', () => [stack.listener, stack.reconciler].every((p) => p.output.includes('event=socket_gone')));
    const answer = await ready(stack);
    assert.equal(answer.status, 503);
    assert.match(answer.text, /sockets: /);
    fs.unlinkSync(run);
    await allWork(stack, world, world.users[7]);
    assert.equal(fs.statSync(run).mode & 0o777, 0o750, 'the group reaches the app API, as before');
    for (const p of [stack.listener, stack.reconciler]) {
      assert.ok(!p.over);
      assert.equal(p.output.match(/event=socket_gone/g).length, 1, 'it is told once');
    }
  });
});
