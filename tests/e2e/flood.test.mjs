// Many notifications: forged ones cost nothing, true ones for one team cost at most three reads of it.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import test from 'node:test';
import { Stack, eventually, sleep } from './lib/stack.mjs';
import { Poster, inParallel, memberItem } from './lib/poster.mjs';

test('floods', async (t) => {
  const stack = await Stack.make(t);
  await stack.start();
  const world = await stack.world({ users: 5, members: 3 });
  await stack.link(world);
  await stack.inSync();
  const [subscription] = (await stack.control('GET', 'subscriptions')).subscriptions;
  const poster = new Poster(stack);
  t.after(() => poster.close());
  const reads = async () => Object.entries((await stack.control('GET', 'requests')).counts)
    .filter(([what]) => /^GET .*members/.test(what)).reduce((sum, [, n]) => sum + n, 0);
  const calls = async () => (await stack.control('GET', 'requests')).total;

  await t.test('100,000 forged items: 202, nothing stored, no Graph call', async () => {
    await sleep(1000);   // let the work of the link end; its calls must not be counted here
    const before = await calls();
    const stored = fs.statSync(stack.file('state/inbox/data.mdb'));
    const forged = ['v1.' + crypto.randomBytes(64).toString('base64url'), subscription.clientState.slice(0, -1) + 'A', subscription.clientState + 'A', 'v1.', '', 'secret'];
    await inParallel(100, 4, async (i) => {
      const items = Array.from({ length: 1000 }, (_, k) => ({ ...memberItem(subscription, world.tenant, world.team.id, `m${i}-${k}`), clientState: forged[(i + k) % forged.length] === subscription.clientState ? 'x' : forged[(i + k) % forged.length] }));
      assert.equal(await poster.post(items), 202);
    });
    const after = fs.statSync(stack.file('state/inbox/data.mdb'));
    assert.equal(after.size, stored.size);
    assert.equal(after.mtimeMs, stored.mtimeMs, 'nothing was written');
    assert.equal(await calls(), before);
    assert.deepEqual(poster.statuses, { 202: 100 });
  });

  await t.test('10,000 notifications for one team: at most three reads of that team', async () => {
    const before = await reads();
    await inParallel(200, 8, async (i) => {
      const items = Array.from({ length: 50 }, (_, k) => memberItem(subscription, world.tenant, world.team.id, `storm-${i}-${k}`, ['created', 'updated', 'deleted'][k % 3]));
      assert.equal(await poster.post(items), 202);
    });
    await eventually('the storm has been worked off', async () => {
      const status = (await stack.api('GET', '/v1/status')).json;
      const erg = await stack.erg();
      return erg.state === 'in_sync' && status.inbox.backlog === 0 && status;
    });
    await sleep(5000);   // whatever is still to come would come now
    const cost = (await reads()) - before;
    console.log(`reads of the team caused by 10,000 notifications: ${cost}`);
    assert.ok(cost >= 1 && cost <= 3, `${cost} reads`);
    assert.equal((await stack.feed()).length, 3, 'a storm about nothing changes nothing');
  });
});
