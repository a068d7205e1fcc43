// Events of an ERG through the real daemons: what the API takes and refuses, and how each event and its Teams meeting stay equal.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { Stack, eventually, timeIn } from './lib/stack.mjs';

const tea = (more = {}) => ({ subject: 'Tea', start: timeIn(7), end: timeIn(7, '18:00:00'), time_zone: 'Europe/Warsaw', ...more });
const people = (n) => Array.from({ length: n }, (_, i) => ({ email: `guest${i}@acme.example` }));

async function setUp(t, meetings, options = {}) {
  const stack = await Stack.make(t, options);
  await stack.start();
  const world = await stack.world({ users: 12 });
  await stack.link(world, { meetings });
  return { stack, world };
}

test('what is wrong with an event is named, with what would be right', async (t) => {
  const { stack } = await setUp(t, 'off');
  const put = (body, event = 'tea', erg = 'pride') => stack.api('PUT', `/v1/ergs/${erg}/events/${event}`, body);
  const wrong = [
    [{}, '/subject', '/start', '/end', '/time_zone'],
    [[], ''],
    [tea({ subject: '' }), '/subject'], [tea({ subject: 5 }), '/subject'], [tea({ subject: 'x'.repeat(256) }), '/subject'], [tea({ subject: 'a\u0007b' }), '/subject'],
    [tea({ start: 'soon' }), '/start'], [tea({ start: `${timeIn(7)}Z` }), '/start'], [tea({ start: '2027-02-30T10:00:00' }), '/start'],
    [tea({ end: timeIn(7, '16:00:00') }), '/end'], [tea({ end: timeIn(4000) }), '/end'],
    [tea({ time_zone: 'Middle/Earth' }), '/time_zone'], [tea({ time_zone: '' }), '/time_zone'],
    [tea({ all_day: true }), '/start'], [tea({ all_day: 'yes' }), '/all_day'], [tea({ online: 1 }), '/online'],
    [tea({ location: 'x'.repeat(256) }), '/location'], [tea({ body_html: 'x'.repeat(262145) }), '/body_html'],
    [tea({ attendees: {} }), '/attendees'], [tea({ attendees: people(501) }), '/attendees'],
    [tea({ attendees: [{ email: 'ann@acme.example' }, { email: 'no address' }] }), '/attendees/1/email'],
    [tea({ attendees: [{ email: 'ann@acme.example' }, { email: 'Ann@ACME.example' }] }), '/attendees/1/email'],
    [tea({ attendees: [{ email: 'ann@acme.example', type: 'resource' }] }), '/attendees/0/type'],
    [tea({ attendees: [{ email: 'ann@acme.example', phone: '1' }] }), '/attendees/0/phone'],
    [tea({ recurrence: 'every monday' }), '/recurrence'], [tea({ recurrence: 'FREQ=HOURLY' }), '/recurrence'], [tea({ recurrence: 7 }), '/recurrence'],
    [tea({ organizer: 'ann@acme.example' }), '/organizer'],
  ];
  for (const [body, ...pointers] of wrong) {
    const answer = await put(body);
    assert.equal(answer.status, 422, JSON.stringify(body).slice(0, 200));
    const named = answer.json.errors.map((e) => e.pointer);
    for (const pointer of pointers) assert.ok(named.includes(pointer), `${pointer} of ${JSON.stringify(answer.json)}`);
    for (const { detail } of answer.json.errors) assert.ok(detail.length > 10, detail);
  }
  const crowd = await put(tea({ attendees: people(501) }));
  assert.match(crowd.json.errors[0].detail, /500.*group/);
  assert.match((await put(tea({ recurrence: 'FREQ=HOURLY' }))).json.errors[0].detail, /hour|daily/i);

  assert.equal((await put(tea(), 'a%20b')).status, 400);
  assert.equal((await put(tea(), 'tea', 'nobody')).status, 404);
  assert.equal((await stack.api('GET', '/v1/ergs/nobody/events')).status, 404);
  for (const method of ['GET', 'DELETE']) assert.match((await stack.api(method, '/v1/ergs/pride/events/tea')).json.type, /unknown-event$/);
  assert.equal((await stack.api('GET', '/v1/ergs/pride/events?after=%2F')).status, 400);
  assert.equal((await stack.api('GET', '/v1/ergs/pride/events?limit=0')).status, 400);
  assert.deepEqual((await stack.api('GET', '/v1/ergs/pride/events')).json, { events: [], next: null });
});

test('with meetings off an event is kept and shown, and nothing is made', async (t) => {
  const { stack, world } = await setUp(t, 'off');
  const full = tea({ body_html: '<p>Bring <b>cake</b>.</p>', location: 'Roof', attendees: [{ email: world.users[1].mail, name: 'Ann', type: 'optional' }, { email: world.users[2].mail }], hide_attendees: true, recurrence: 'FREQ=WEEKLY;COUNT=4' });
  const put = await stack.api('PUT', '/v1/ergs/pride/events/tea', full);
  assert.equal(put.status, 202);
  assert.equal(put.json.status, 'off');
  const { json } = await stack.api('GET', '/v1/ergs/pride/events/tea');
  for (const key of ['subject', 'body_html', 'start', 'end', 'time_zone', 'location', 'hide_attendees']) assert.deepEqual(json[key], full[key], key);
  assert.match(json.recurrence, /FREQ=WEEKLY.*COUNT=4/);
  assert.deepEqual(json.attendees.map(({ email, type, response }) => ({ email, type, response })), [{ email: world.users[1].mail, type: 'optional', response: 'none' }, { email: world.users[2].mail, type: 'required', response: 'none' }]);
  for (const key of ['join_url', 'graph_id', 'ical_uid', 'synced_at']) assert.equal(json[key], null, key);

  for (let i = 0; i < 25; i++) await stack.api('PUT', `/v1/ergs/pride/events/e${i}`, tea({ subject: `Number ${i}` }));
  const seen = new Set();
  let pages = 0;
  for (let after = ''; after !== null; pages++) {
    const page = (await stack.api('GET', `/v1/ergs/pride/events?limit=10${after && `&after=${after}`}`)).json;
    for (const { event } of page.events) assert.ok(!seen.has(event) && seen.add(event));
    after = page.next;
  }
  assert.equal(seen.size, 26);
  assert.equal(pages, 3);

  const cancelled = await stack.api('DELETE', '/v1/ergs/pride/events/tea', { comment: 'Nobody likes tea.' });
  assert.equal(cancelled.status, 202);
  assert.equal(cancelled.json.status, 'cancelled');
  assert.equal((await stack.api('DELETE', '/v1/ergs/pride/events/tea')).status, 202);
  assert.equal((await stack.api('GET', '/v1/ergs/pride/events/tea')).json.status, 'cancelled');
  for (const comment of ['x'.repeat(1025), 5, 'a\u0007']) assert.equal((await stack.api('DELETE', '/v1/ergs/pride/events/tea', { comment })).json.errors[0].pointer, '/comment');

  const { counts } = await stack.control('GET', 'requests');
  assert.deepEqual(Object.keys(counts).filter((template) => /event|calendar/.test(template)), []);
});

test('an admin sees and writes events with ergsyncctl', async (t) => {
  const { stack } = await setUp(t, 'off');
  fs.writeFileSync(stack.file('tea.json'), JSON.stringify(tea()));
  let r = await stack.ctl('event', 'add', 'pride', 'tea', '--file', stack.file('tea.json'));
  assert.equal(r.code, 0, r.output);
  fs.writeFileSync(stack.file('soon.json'), JSON.stringify(tea({ subject: 'Breakfast', start: timeIn(2), end: timeIn(2, '18:00:00') })));
  assert.equal((await stack.ctl('event', 'add', 'pride', 'breakfast', '--file', stack.file('soon.json'))).code, 0);
  r = await stack.ctl('event', 'list', 'pride');
  assert.equal(r.code, 0, r.output);
  assert.match(r.output, /^EVENT +START.*STATUS/);
  assert.ok(r.output.indexOf('Breakfast') < r.output.indexOf('Tea'), 'by their start');
  r = await stack.ctl('--json', 'event', 'show', 'pride', 'tea');
  assert.equal(JSON.parse(r.output).subject, 'Tea');
  fs.writeFileSync(stack.file('bad.json'), JSON.stringify(tea({ time_zone: 'Middle/Earth' })));
  r = await stack.ctl('event', 'add', 'pride', 'bad', '--file', stack.file('bad.json'));
  assert.equal(r.code, 1);
  assert.match(r.output, /time_zone: /);
  fs.writeFileSync(stack.file('broken.json'), '{\n "subject":');
  r = await stack.ctl('event', 'add', 'pride', 'bad', '--file', stack.file('broken.json'));
  assert.equal(r.code, 1);
  assert.match(r.output, /broken\.json:2: /);
  assert.equal((await stack.ctl('event', 'add', 'pride', 'bad')).code, 2);
  r = await stack.ctl('event', 'cancel', 'pride', 'tea', '--comment', 'It rains.');
  assert.equal(r.code, 0, r.output);
  assert.match((await stack.ctl('event', 'list', 'pride')).output, /Tea +cancelled/);
  r = await stack.ctl('event', 'show', 'pride', 'none');
  assert.equal(r.code, 1);
});

/** What the organizer's mailbox has of one event, as everybody there would see it. */
async function inOutlook(stack, user, subject) {
  const { events } = await stack.control('GET', `events?user=${user}&subject=${encodeURIComponent(subject)}`);
  assert.ok(events.length <= 1, `${events.length} meetings called ${subject}`);
  return events[0];
}
/** The callbacks of one kind about one event, once there are so many. */
function told(stack, type, event, count = 1) {
  return eventually(`${count} x ${type} of ${event}`, async () => {
    const some = (await stack.received()).map((c) => c.event).filter((e) => e.type === `ergsync.meeting.${type}` && e.data.event === event);
    return some.length >= count && some.slice(count - 1).at(-1).data;
  });
}
const event = async (stack, id) => (await stack.api('GET', `/v1/ergs/pride/events/${id}`)).json;
const mailsTo = (meeting) => Object.fromEntries(meeting.attendees.map((a) => [a.address, a.mails]));

test('an event has one meeting, equal on both sides', async (t) => {
  const { stack, world } = await setUp(t, 'two-way');
  const [organizer, ann, ben] = world.users.map((u) => u.mail);
  const put = (id, body) => stack.api('PUT', `/v1/ergs/pride/events/${id}`, body);
  const act = (op, id, more) => stack.control('POST', 'events', { op, user: organizer, id, ...more });
  const full = tea({ body_html: '<p>Bring cake.</p>', location: 'Roof', attendees: [{ email: ann }, { email: ben, type: 'optional' }] });

  await t.test('scheduled, with its join link', async () => {
    const stored = await put('tea', full);
    assert.equal(stored.status, 202);
    assert.equal(stored.json.status, 'pending');
    const data = await told(stack, 'scheduled', 'tea');
    assert.match(data.join_url, /^https:/);
    const shown = await eventually('both sides are equal', async () => { const e = await event(stack, 'tea'); return e.synced_at && e; });
    assert.deepEqual([shown.status, shown.join_url], ['scheduled', data.join_url]);
    assert.ok(shown.graph_id && shown.ical_uid);
    const meeting = await inOutlook(stack, organizer, 'Tea');
    assert.equal(meeting.id, shown.graph_id);
    for (const address of [ann, ben]) assert.deepEqual(mailsTo(meeting)[address], { invitations: 1, updates: 0, cancellations: 0 });
  });

  await t.test('the same again mails nobody, a change mails once', async () => {
    for (let i = 0; i < 3; i++) await put('tea', full);
    for (const location of ['Cellar', 'Garden']) await put('tea', { ...full, location });
    const meeting = await eventually('it is changed', async () => { const m = await inOutlook(stack, organizer, 'Tea'); return m.state.location.displayName === 'Garden' && m; });
    for (const address of [ann, ben]) assert.deepEqual(mailsTo(meeting)[address], { invitations: 1, updates: 1, cancellations: 0 });
    assert.match(meeting.state.body.content, /Bring cake[^]*join/i);
  });

  await t.test('changed in Outlook: the app hears of just that', async () => {
    const { id } = await inOutlook(stack, organizer, 'Tea');
    const patches = async () => (await stack.control('GET', 'requests?method=PATCH&path=/users/')).total;
    const before = await patches();
    await act('change', id, { event: { subject: 'High tea' } });
    const data = await told(stack, 'updated', 'tea');
    assert.equal(data.subject, 'High tea');
    for (const other of ['body_html', 'location', 'start', 'attendees', 'omitted']) assert.ok(!(other in data), other);
    assert.equal((await event(stack, 'tea')).subject, 'High tea');
    await act('change', id, { event: { body: { contentType: 'html', content: `<p>${'Long words. '.repeat(3000)}</p>` } } });
    const long = await told(stack, 'updated', 'tea', 2);
    assert.deepEqual(long.omitted, ['body_html']);
    assert.ok(!('body_html' in long));
    const { body_html: body } = await event(stack, 'tea');
    assert.match(body, /Long words/);
    assert.doesNotMatch(body, /join/i, 'without the join block');
    assert.equal(await patches(), before, 'nothing is written back');
  });

  await t.test('answers come as counts and by name', async () => {
    const { id } = await inOutlook(stack, organizer, 'High tea');
    await act('respond', id, { address: ann, response: 'accepted' });
    await act('respond', id, { address: ben, response: 'declined' });
    const data = await eventually('both answers are told', async () => {
      const some = (await stack.received()).map((c) => c.event).filter((e) => e.type === 'ergsync.meeting.responses');
      return some.at(-1)?.data.responses.declined === 1 && some.at(-1).data;
    });
    assert.deepEqual(data.responses, { accepted: 1, tentative: 0, declined: 1, none: 0 });
    const shown = await event(stack, 'tea');
    assert.deepEqual(shown.responses, data.responses);
    assert.deepEqual(shown.attendees.map((a) => [a.email, a.response]).sort(), [[ann, 'accepted'], [ben, 'declined']].sort());
  });

  await t.test('cancelled by the app, with a comment', async () => {
    const { id } = await inOutlook(stack, organizer, 'High tea');
    assert.equal((await stack.api('DELETE', '/v1/ergs/pride/events/tea', { comment: 'It rains.' })).json.status, 'cancelled');
    const [meeting] = await eventually('it is cancelled', async () => { const { events } = await stack.control('GET', `events?user=${organizer}&id=${id}&gone=true`); return events[0]?.gone && events; });
    for (const address of [ann, ben]) assert.equal(mailsTo(meeting)[address].cancellations, 1);
    await stack.api('DELETE', '/v1/ergs/pride/events/tea');
    assert.equal((await event(stack, 'tea')).status, 'cancelled');
  });

  await t.test('cancelled in Outlook: the app hears, and only DELETE and PUT schedule another', async () => {
    await put('picnic', tea({ subject: 'Picnic', attendees: [{ email: ann }] }));
    await told(stack, 'scheduled', 'picnic');
    const { id } = await inOutlook(stack, organizer, 'Picnic');
    await act('cancel', id);
    await told(stack, 'cancelled', 'picnic');
    await eventually('it is shown', async () => (await event(stack, 'picnic')).status === 'cancelled');
    assert.equal((await put('picnic', tea({ subject: 'Picnic', attendees: [{ email: ann }] }))).status, 202, 'the same again');
    const refused = await put('picnic', tea({ subject: 'Picnic after all', attendees: [{ email: ann }] }));
    assert.equal(refused.status, 409);
    assert.match(refused.json.detail, /DELETE/);
    assert.equal(await inOutlook(stack, organizer, 'Picnic'), undefined);
    await stack.api('DELETE', '/v1/ergs/pride/events/picnic');
    await put('picnic', tea({ subject: 'Picnic after all', attendees: [{ email: ann }] }));
    await told(stack, 'scheduled', 'picnic', 2);
    assert.notEqual((await inOutlook(stack, organizer, 'Picnic after all')).id, id);
  });

  await t.test('one of a series cancelled in Outlook', async () => {
    const start = timeIn(7);
    await put('run', tea({ subject: 'Run', start, end: timeIn(7, '18:00:00'), recurrence: 'FREQ=DAILY;COUNT=5' }));
    await told(stack, 'scheduled', 'run');
    const { id } = await inOutlook(stack, organizer, 'Run');
    await act('cancel', id, { date: timeIn(9).slice(0, 10) });
    const { occurrences } = await told(stack, 'updated', 'run');
    assert.equal(occurrences.length, 1);
    assert.equal(occurrences[0].cancelled, true);
    assert.equal((await event(stack, 'run')).status, 'scheduled');
  });

  await t.test('what the app refuses is noted', async () => {
    await stack.appAnswers({ status: 422, count: 1 });
    const { id } = await inOutlook(stack, organizer, 'Run');
    await act('change', id, { event: { subject: 'Fun run' } });
    await eventually('the refusal is shown', async () => /422/.test((await event(stack, 'run')).detail ?? ''));
  });

  assert.equal((await stack.control('GET', 'journal')).violations, 0);
});

test('an organizer without a mailbox: failed, with what to do', async (t) => {
  const { stack, world } = await setUp(t, 'two-way', {});
  await stack.control('POST', 'users', { tenant: world.tenant, id: world.users[0].id, mailbox: 'absent' });
  await stack.api('PUT', '/v1/ergs/pride/events/tea', tea());
  const data = await told(stack, 'failed', 'tea');
  assert.match(data.detail, /mailbox/i);
  const shown = await event(stack, 'tea');
  assert.deepEqual([shown.status, shown.detail], ['failed', data.detail]);
  assert.match((await stack.ctl('event', 'list', 'pride')).output, /Tea +failed .*mailbox/);
});

test('more mails than the limit wait for a decision, and the plan says how many', async (t) => {
  const { stack, world } = await setUp(t, 'two-way', { config: { sync: { mail_limit: '3' } } });
  const body = tea({ attendees: world.users.slice(1, 6).map((u) => ({ email: u.mail })) });
  await stack.api('PUT', '/v1/ergs/pride/events/tea', body);
  await eventually('it is held', async () => (await stack.erg()).state === 'held');
  const plan = (await stack.api('GET', '/v1/ergs/pride/plan')).json;
  assert.deepEqual([plan.held, plan.mails], [true, 5]);
  assert.deepEqual(plan.items.map((i) => [i.action, i.event, i.subject, i.mails]), [['create_meeting', 'tea', 'Tea', 5]]);
  assert.match((await stack.ctl('plan', 'show', 'pride')).output, /create_meeting +tea +Tea +5[^]*Mails to attendees: 5/);
  assert.equal(await inOutlook(stack, world.users[0].mail, 'Tea'), undefined);
  assert.equal((await stack.ctl('plan', 'approve', 'pride', '--hash', plan.hash)).code, 0);
  await told(stack, 'scheduled', 'tea');
  await eventually('nothing is held any more', async () => (await stack.erg()).state !== 'held');
});
