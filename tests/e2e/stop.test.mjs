// The reconciler is stopped in the middle of something: it ends as it should, and whoever waits is answered or cut off.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Stack, request, sleep } from './lib/stack.mjs';

test('stopped while somebody waits', async (t) => {
  const stack = await Stack.make(t);
  await stack.start();
  const metrics = () => request({ url: `http://127.0.0.1:${stack.adminPort}/metrics` });

  await t.test('for figures of a listener that does not answer', async () => {
    stack.listener.child.kill('SIGSTOP');
    const answer = metrics().catch((e) => e);
    await sleep(100);
    const end = await stack.reconciler.kill();
    stack.listener.child.kill('SIGCONT');
    assert.deepEqual(end, { code: 0, signal: null }, stack.reconciler.output);
    await answer;
  });

  await t.test('for a write to be on disk', async () => {
    await stack.startReconciler();
    const puts = [];
    for (let i = 0; i < 200; i++) puts.push(stack.api('PUT', `/v1/tenants/t${i}`, { directory_id: `10000000-0000-4000-8000-${String(i).padStart(12, '0')}`, organizer: 'o@example.org' }).catch((e) => e));
    stack.reconciler.child.kill('SIGTERM');
    const end = await stack.reconciler.kill();
    assert.deepEqual(end, { code: 0, signal: null }, stack.reconciler.output);
    await Promise.all(puts);
  });
});
