// What ergsync itself asks of Graph, against Microsoft's description: a whole system works for a while against the
// simulator, whose exchange log is then judged. Nothing here may be malformed, refused for its form, or a violation.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { Stack, eventually } from '../e2e/lib/stack.mjs';
import { judge, loadChecker } from './lib/description.mjs';

const check = await loadChecker();

test('our requests are Graph requests', async (t) => {
  const stack = await Stack.make(t);
  await stack.start();
  const world = await stack.world({ users: 30, members: 5 });
  await stack.link(world);
  await stack.inSync();
  const change = (op, n, more = {}) => stack.control('POST', 'members', { op, team: world.team.id, user: world.users[n].id, ...more });
  await change('add', 6);
  await change('role', 6, { role: 'owner' });
  await change('remove', 1);
  await eventually('the app knows', async () => {
    const members = await stack.membersByFeed();
    return members.has(world.users[6].id) && !members.has(world.users[1].id);
  });
  await stack.control('POST', 'expire', { tokens: true });
  const { json } = await stack.api('POST', '/v1/resyncs', { scope: 'all' });
  await eventually('the resync ends', async () => (await stack.api('GET', `/v1/resyncs/${json.id}`)).json.state !== 'running');
  await stack.api('DELETE', '/v1/ergs/pride');
  await eventually('nothing is subscribed', async () => (await stack.control('GET', 'subscriptions')).subscriptions.length === 0);

  const log = stack.file('exchanges.ndjson');
  assert.ok(fs.existsSync(log));
  const { passed, findings, templates } = judge(check, log);
  console.log(`${passed} exchanges and notifications, of ${templates.length} kinds:\n  ${templates.join('\n  ')}`);
  assert.deepEqual(findings, []);
  assert.ok(passed >= 8, `only ${passed} exchanges`);
  const journal = await stack.control('GET', 'journal');
  assert.equal(journal.violations, 0, JSON.stringify(journal.entries.filter((e) => e.violation)));
});
