// SIGKILL the reconciler at a random moment of making, changing and cancelling meetings: in the end each event has its one meeting or none,
// and everybody was mailed once for each.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Stack, eventually, random, sleep, timeIn } from './lib/stack.mjs';

const rounds = Number(process.env.ERGSYNC_MEETING_KILLS ?? 30);

test(`${rounds} kills while meetings are made, changed and cancelled`, async (t) => {
  const stack = await Stack.make(t, { config: { sync: { mail_limit: '100000' } } });
  await stack.start();
  const world = await stack.world({ users: 6 });
  await stack.link(world, { meetings: 'two-way', membership: 'off' });
  const [organizer, ann, ben] = world.users.map((u) => u.mail);
  const body = (i, more) => ({ subject: `Tea ${i}`, start: timeIn(7), end: timeIn(7, '18:00:00'), time_zone: 'UTC', attendees: [{ email: ann }, { email: ben }], ...more });
  const kill = async (within) => {
    await sleep(random(within));
    await stack.reconciler.kill('SIGKILL');
    await stack.startReconciler();
  };
  const event = async (i) => (await stack.api('GET', `/v1/ergs/pride/events/k${i}`)).json;

  for (let i = 0; i < rounds; i++) {
    assert.equal((await stack.api('PUT', `/v1/ergs/pride/events/k${i}`, body(i))).status, 202);
    await kill(150);
  }
  await eventually('all are made', async () => {
    for (let i = 0; i < rounds; i++) if ((await event(i)).status !== 'scheduled') return false;
    return true;
  }, { within: 120_000, every: 200 });
  for (let i = 0; i < rounds; i++) {
    if (i % 3 === 1) assert.equal((await stack.api('PUT', `/v1/ergs/pride/events/k${i}`, body(i, { location: 'Roof' }))).status, 202);
    if (i % 3 === 2) assert.equal((await stack.api('DELETE', `/v1/ergs/pride/events/k${i}`)).status, 202);
    if (i % 3 !== 0) await kill(i % 3 === 1 ? 4000 : 150); // a change waits some seconds for others
  }

  const once = (kinds) => ({ invitations: 1, updates: 0, cancellations: 0, ...kinds });
  for (let i = 0; i < rounds; i++) {
    const wanted = once(i % 3 === 1 ? { updates: 1 } : i % 3 === 2 ? { cancellations: 1 } : {});
    await eventually(`k${i} is as the app wants it`, async () => {
      const { events } = await stack.control('GET', `events?gone=true&user=${organizer}&subject=${encodeURIComponent(`Tea ${i}`)}`);
      assert.equal(events.length, 1, `${events.length} meetings for k${i}`);
      return events[0].gone === (i % 3 === 2) && (i % 3 !== 1 || events[0].state.location.displayName === 'Roof');
    }, { within: 120_000, every: 200 });
    await sleep(i === 0 ? 5000 : 0);
    const { events: [meeting] } = await stack.control('GET', `events?gone=true&user=${organizer}&subject=${encodeURIComponent(`Tea ${i}`)}`);
    for (const { address, mails } of meeting.attendees) assert.deepEqual(mails, wanted, `k${i} ${address}`);
    assert.equal((await event(i)).status, i % 3 === 2 ? 'cancelled' : 'scheduled');
  }
});
