// The description of the app API is valid OpenAPI 3.1, says of everything what it is, names exactly the routes there are, and the
// daemon's answers and callbacks are as it says.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Stack, eventually, root } from '../e2e/lib/stack.mjs';
import { callbackMistakes, description, exchangeMistakes, file, seen, watch } from './lib/openapi.mjs';

const operations = Object.entries(description.paths).flatMap(([template, item]) =>
  Object.entries(item).filter(([key]) => key !== 'parameters').map(([method, operation]) => ({ template, method: method.toUpperCase(), operation, item })));

test('valid OpenAPI 3.1, every reference resolves', async () => {
  const validator = new Validator();
  const result = await validator.validate(file);
  assert.ok(result.valid, JSON.stringify(result.errors));
  assert.equal(validator.version, '3.1');
  assert.ok(fs.readFileSync(path.join(root, 'CMakeLists.txt'), 'utf8').includes(`VERSION ${description.info.version} `), 'the version is that of the programs');
  for (const [, reference] of fs.readFileSync(file, 'utf8').matchAll(/"\$ref": "#\/([^"]+)"/g)) {
    assert.ok(reference.split('/').reduce((o, key) => o?.[key], description), `${reference} leads nowhere`);
  }
  for (const kind of ['schemas', 'parameters', 'responses']) {
    for (const name of Object.keys(description.components[kind])) {
      assert.ok(fs.readFileSync(file, 'utf8').includes(`"#/components/${kind}/${name}"`), `${kind}/${name} is not used`);
    }
  }
});

test('every operation, parameter and schema is explained', () => {
  const ids = new Set();
  for (const { template, method, operation, item } of operations) {
    const where = `${method} ${template}`;
    assert.ok(operation.summary && operation.operationId && operation.tags?.length === 1, where);
    assert.ok(!ids.has(operation.operationId), where);
    ids.add(operation.operationId);
    assert.ok(description.tags.some((tag) => tag.name === operation.tags[0]), where);
    assert.ok(operation.responses.default, `${where} says nothing of other failures`);
    const inPath = [...template.matchAll(/\{([a-z]+)\}/g)].map(([, name]) => `#/components/parameters/${name}`);
    assert.deepEqual((item.parameters ?? []).map((p) => p.$ref), inPath, where);
  }
  for (const [name, schema] of Object.entries(description.components.schemas)) assert.ok(schema.description, name);
  for (const [name, parameter] of Object.entries(description.components.parameters)) assert.ok(parameter.description, name);
});

test('exactly the routes and callbacks there are', () => {
  const routes = [...fs.readFileSync(path.join(root, 'app/api_routes.c'), 'utf8').matchAll(/\{ "([A-Z]+)",\s+"(\/v1[^"]*)",/g)].map(([, method, template]) => `${method} ${template}`);
  assert.deepEqual(operations.map(({ method, template }) => `${method} ${template}`).sort(), routes.sort());
  const types = [...fs.readFileSync(path.join(root, 'model/change.h'), 'utf8').matchAll(/"(ergsync\.[a-z_.]+)"/g)].map(([, type]) => type);
  assert.deepEqual(Object.keys(description.webhooks).sort(), types.sort());
});

test('what is wrong would be found', () => {
  const tenant = { id: 'a', tenant: 'a', directory_id: '3f2504e0-4f89-41d3-9a0c-0305e82c3301', organizer: 'x', organizer_id: null, state: 'active', sign_in: 'application', meetings: 'on', detail: null, consent_url: null, ergs: 0, receipt: null };
  const answer = (json, status = 200, type = 'application/json') => ({ status, json, headers: { 'content-type': type } });
  assert.deepEqual(exchangeMistakes('GET', '/v1/tenants/a', undefined, answer(tenant)), []);
  for (const wrong of [{ ...tenant, state: 'fine' }, { ...tenant, more: 1 }, { ...tenant, ergs: '0' }, { ...tenant, directory_id: null }, (({ ergs, ...rest }) => rest)(tenant)]) {
    assert.notDeepEqual(exchangeMistakes('GET', '/v1/tenants/a', undefined, answer(wrong)), [], JSON.stringify(wrong));
  }
  assert.notDeepEqual(exchangeMistakes('GET', '/v1/tenants/a', undefined, answer(tenant, 204)), []);
  assert.notDeepEqual(exchangeMistakes('GET', '/v1/tenants/a', undefined, answer(tenant, 404)), []);
  assert.notDeepEqual(exchangeMistakes('GET', '/v1/nothing', undefined, answer({})), []);
});

test('the daemon answers as described', async (t) => {
  const stack = await Stack.make(t);
  await stack.start();
  const mistakes = watch(stack);
  const api = (...call) => stack.api(...call);
  const world = await stack.world({ users: 40, members: 30 });

  for (const [method, target, body] of [
    ['PUT', '/v1/tenants/x', { directory_id: 'nonsense', organizer: 5, extra: 1 }], ['PUT', '/v1/tenants/a%20b', {}], ['PUT', '/v1/tenants/x', []],
    ['GET', '/v1/tenants/none'], ['DELETE', '/v1/tenants/none'], ['GET', '/v1/ergs/none'], ['DELETE', '/v1/ergs/none'], ['GET', '/v1/ergs/none/members'],
    ['GET', '/v1/ergs/none/plan'], ['POST', '/v1/ergs/none/plan', { decision: 'approve', hash: 'x' }], ['POST', '/v1/ergs/none/plan', {}],
    ['GET', '/v1/tenants/none/sign-in'], ['GET', '/v1/tenants/none/doctor'], ['POST', '/v1/tenants/none/sign-in'], ['GET', '/v1/resyncs/none'], ['DELETE', '/v1/resyncs/none'], ['POST', '/v1/resyncs', { scope: 'some' }], ['POST', '/v1/resyncs', { scope: 'erg:none' }],
    ['PUT', '/v1/ergs/none/members', { members: [] }], ['PUT', '/v1/ergs/none/members', { members: [{ user: '' }] }], ['PATCH', '/v1/status'], ['GET', '/v1/nothing'],
    ['GET', '/v1/tenants?limit=0'], ['GET', '/v1/ergs?after=%2F'], ['GET', '/v1/changes?wait=100'], ['GET', '/v1/ergs/pride/events'],
    ['GET', '/v1/tenants'], ['GET', '/v1/ergs'], ['GET', '/v1/resyncs'], ['GET', '/v1/changes'], ['GET', '/v1/status'],
  ]) await api(method, target, body);

  await stack.link(world);
  await api('PUT', '/v1/tenants/acme', { directory_id: world.tenant, organizer: world.users[0].upn });
  await api('GET', '/v1/ergs/pride/plan');
  await stack.inSync();
  await api('PUT', '/v1/ergs/pride', { tenant: 'acme', name: 'Pride', channel_url: stack.teamUrl(world.tenant, world.team), membership: 'two-way', meetings: 'off', removal_limit: 5, removal_percent: 50, organizer: world.users[1].upn });
  await stack.inSync();
  for (const target of ['/v1/tenants', '/v1/tenants/acme', '/v1/ergs', '/v1/ergs/pride', '/v1/status', '/v1/changes', '/v1/ergs/pride/plan']) await api('GET', target);

  const [first] = (await api('GET', '/v1/ergs/pride/members?limit=2')).json.members;
  await api('GET', `/v1/ergs/pride/members/${encodeURIComponent(first.user)}`);
  await api('GET', '/v1/ergs/pride/members/nobody');
  await api('DELETE', '/v1/ergs/pride/members/nobody');
  await api('PUT', '/v1/ergs/pride/members/u1', { email: 'nobody@nowhere.example', role: 'member', private: true });
  await api('PUT', '/v1/ergs/pride/members/u1', { email: 'nobody@nowhere.example' });
  await api('GET', '/v1/ergs/pride/members');
  await api('DELETE', '/v1/ergs/pride/members/u1');

  const tea = { subject: 'Tea', body_html: '<p>Come!</p>', start: '2027-06-01T17:00:00', end: '2027-06-01T18:00:00', time_zone: 'Europe/Warsaw', location: 'Roof',
    attendees: [{ email: world.users[1].mail, name: 'Ann', type: 'optional' }], recurrence: 'FREQ=WEEKLY;COUNT=3' };
  assert.equal((await api('PUT', '/v1/ergs/pride/events/tea', tea)).status, 202);
  for (const body of [{}, { ...tea, time_zone: 'Middle/Earth', attendees: [{}] }]) assert.equal((await api('PUT', '/v1/ergs/pride/events/tea', body)).status, 422);
  for (const target of ['/v1/ergs/pride/events', '/v1/ergs/pride/events/tea', '/v1/ergs/pride/events/none', '/v1/ergs/none/events/tea']) await api('GET', target);
  await api('DELETE', '/v1/ergs/pride/events/none');
  await api('DELETE', '/v1/ergs/pride/events/tea', { comment: 5 });
  assert.equal((await api('DELETE', '/v1/ergs/pride/events/tea', { comment: 'It rains.' })).status, 202);
  await api('GET', '/v1/ergs/pride/events');

  const started = await api('POST', '/v1/resyncs', { scope: 'erg:pride' });
  await api('POST', '/v1/resyncs', { scope: 'erg:pride' });
  if (started.status === 202) {
    await eventually('the resync ends', async () => (await api('GET', `/v1/resyncs/${started.json.id}`)).json.state !== 'running');
    await api('DELETE', `/v1/resyncs/${started.json.id}`);
  }
  await api('POST', '/v1/resyncs', { scope: 'all', dry_run: true });
  await api('GET', '/v1/resyncs');

  // What the app is told: each kind of callback that this version sends.
  const told = (type) => eventually(`${type} is told`, async () => (await stack.received()).some(({ event }) => event.type === type));
  const member = (op, n, more) => stack.control('POST', 'members', { op, team: world.team.id, user: world.users[n].id, ...more });
  await member('add', 35);
  await told('ergsync.member.added');
  await member('role', 2, { role: 'owner' });
  await told('ergsync.member.updated');
  await member('remove', 3);
  await told('ergsync.member.removed');
  await api('PUT', '/v1/ergs/pride', { tenant: 'acme', name: 'Pride', channel_url: stack.teamUrl(world.tenant, world.team), membership: 'two-way', meetings: 'off' });
  await stack.inSync();
  await stack.control('POST', 'members', { changes: world.users.slice(5, 25).map((u) => ({ op: 'remove', team: world.team.id, user: u.id })) });
  await api('POST', '/v1/resyncs', { scope: 'erg:pride' });
  await told('ergsync.plan.held');
  const plan = (await api('GET', '/v1/ergs/pride/plan')).json;
  await api('GET', '/v1/ergs/pride');
  await api('POST', '/v1/ergs/pride/plan', { decision: 'approve', hash: 'f'.repeat(plan.hash.length) });
  await api('POST', '/v1/ergs/pride/plan', { decision: 'approve', hash: plan.hash });
  await stack.control('POST', 'faults', { faults: [{ kind: 'status', status: 404, code: 'NotFound', path: `/teams/${world.team.id}`, count: 0 }] });
  await api('POST', '/v1/resyncs', { scope: 'erg:pride' });
  await told('ergsync.erg.broken');
  for (const target of ['/v1/ergs/pride', '/v1/status']) await api('GET', target);
  await stack.control('DELETE', 'faults');
  await api('POST', '/v1/resyncs', { scope: 'erg:pride' });
  await told('ergsync.erg.restored');
  await stack.control('POST', 'consent', { tenant: world.tenant, consent: 'withdrawn' });
  await api('POST', '/v1/resyncs', { scope: 'all' });
  await told('ergsync.tenant.consent_missing');
  for (const target of ['/v1/tenants/acme', '/v1/status', '/v1/changes?limit=1000', '/v1/resyncs']) await api('GET', target);
  await told('ergsync.resync.done');
  await stack.control('POST', 'consent', { tenant: world.tenant, consent: 'granted' });
  await eventually('the doctor is done', async () => (await api('GET', '/v1/tenants/acme/doctor')).json.state === 'done', { within: 30_000 });
  await api('POST', '/v1/tenants/acme/sign-in');
  await api('PUT', '/v1/tenants/acme', { directory_id: world.tenant, organizer: world.users[0].upn, sign_in: 'delegated' });
  await told('ergsync.tenant.sign_in_needed');
  await api('POST', '/v1/tenants/acme/sign-in');
  const signIn = (state) => eventually(`the sign-in is ${state}`, async () => {
    const { json } = await api('GET', '/v1/tenants/acme/sign-in');
    return json.state === state ? json : undefined;
  }, { within: 30_000 });
  const { user_code } = await signIn('waiting');
  await stack.control('POST', 'device', { tenant: world.tenant, user_code, user: world.users[0].upn });
  await signIn('signed_in');
  await api('PUT', '/v1/ergs/pride/members', { members: [{ user: 'u2', entra_id: world.users[3].id, role: 'owner' }] });
  await api('DELETE', '/v1/ergs/pride');
  const { receipt } = (await api('DELETE', '/v1/tenants/acme')).json;
  await eventually('the keys are destroyed', async () => (await api('GET', `/v1/receipts/${receipt}`)).json.state === 'done');
  await api('GET', '/v1/receipts/none');
  await api('GET', '/v1/receipts/99');
  for (const body of [{}, { check: '0'.repeat(32) }]) await api('POST', '/v1/keys/rotate', body);

  for (const { event } of await stack.received()) mistakes.push(...callbackMistakes(event));
  assert.deepEqual([...new Set(mistakes)], []);
  const operationsSeen = new Set([...seen].map((entry) => entry.split(' ')[0]));
  for (const { operation } of operations) assert.ok(operationsSeen.has(operation.operationId), `${operation.operationId} was not tried`);
  t.diagnostic(`${seen.size} kinds of answers and callbacks: ${[...operationsSeen].filter((id) => id.startsWith('on')).join(', ')}`);
});
