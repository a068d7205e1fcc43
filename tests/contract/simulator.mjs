// Drives every call of the simulator over real sockets, with a TLS endpoint for its notifications, and checks each
// exchange and notification against Microsoft's description of Graph.
//   node simulator.mjs PROGRAM DIRECTORY      exit 77: the description is not at hand
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { makeCertificate } from '../e2e/lib/stack.mjs';
import { judge, loadChecker } from './lib/description.mjs';

const [program, directory] = process.argv.slice(2);

/** A client's endpoint: answers the handshake, keeps what it is told. */
async function startEndpoint() {
  const told = [];
  const waiting = [];
  const server = https.createServer({ cert: fs.readFileSync(path.join(directory, 'tls.pem')), key: fs.readFileSync(path.join(directory, 'tls.key')) }, (q, a) => {
    const token = new URL(q.url, 'https://h').searchParams.get('validationToken');
    const parts = [];
    q.on('data', (part) => parts.push(part));
    q.on('end', () => {
      if (token !== null && q.url.startsWith('/silent')) return;
      if (token !== null) {
        a.writeHead(200, { 'Content-Type': 'text/plain' }).end(q.url.startsWith('/wrong') ? 'something else' : token);
        return;
      }
      a.writeHead(202).end();
      for (const item of JSON.parse(Buffer.concat(parts)).value) {
        told.push({ url: q.url, ...item });
        waiting.splice(0).forEach((go) => go());
      }
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `https://127.0.0.1:${server.address().port}`,
    async next(what, fits) {
      const end = Date.now() + 20_000;
      for (;;) {
        const found = told.findIndex(fits);
        if (found >= 0) return told.splice(found, 1)[0];
        assert.ok(Date.now() < end, `no notification came: ${what}`);
        await new Promise((go) => { waiting.push(go); setTimeout(go, 200); });
      }
    },
    close() { server.closeAllConnections(); server.close(); },
  };
}

async function startSimulator(log) {
  const child = spawn(program, ['--exchange-log', log, '--notification-ca', path.join(directory, 'ca.pem'), '--seed', '7'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8');
  const line = await new Promise((done, failed) => {
    child.on('exit', (code) => failed(new Error(`the simulator ended with ${code}`)));
    child.stdout.on('data', (text) => {
      output += text;
      if (output.includes('\n')) done(output.split('\n')[0]);
    });
  });
  const url = /^listening on (http:\/\/127\.0\.0\.1:\d+)$/.exec(line)?.[1];
  assert.ok(url, `unexpected first line: ${line}`);
  return { url, stop: () => new Promise((done) => { child.removeAllListeners('exit'); child.on('exit', (code) => done(code)); child.kill('SIGTERM'); }) };
}

const drive = { url: '', token: '' };

async function exchange(method, target, body, headers = {}) {
  const answer = await fetch(drive.url + target, {
    method,
    headers: { ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, json: text.startsWith('{') ? JSON.parse(text) : undefined };
}

/** The control API; anything but success is a mistake of this file. */
async function control(method, target, body) {
  const answer = await exchange(method, `/_sim/${target}`, body);
  assert.ok(answer.status < 300, `${method} ${target}: ${JSON.stringify(answer.json)}`);
  return answer.json;
}

const graph = (method, target, body, headers = {}) =>
  exchange(method, target.startsWith('http') ? target.slice(drive.url.length) : `/v1.0${target}`, body, { Authorization: `Bearer ${drive.token}`, ...headers });

async function expect(status, method, target, body, headers) {
  const answer = await graph(method, target, body, headers);
  assert.equal(answer.status, status, `${method} ${target}: ${JSON.stringify(answer.json)}`);
  return answer.json;
}

async function signIn(tenant, fields = {}) {
  const form = new URLSearchParams({ client_id: '00000000-0000-4000-8000-00000000aaaa', client_secret: 's', grant_type: 'client_credentials',
    scope: 'https://graph.microsoft.com/.default', ...fields });
  const answer = await fetch(`${drive.url}/${tenant}/oauth2/v2.0/token`, { method: 'POST', body: form });
  return { status: answer.status, json: await answer.json() };
}

const bind = (id, roles = []) => ({ '@odata.type': '#microsoft.graph.aadUserConversationMember', roles,
  'user@odata.bind': `https://graph.microsoft.com/v1.0/users('${id}')` });
const inTime = (minutes) => new Date(Date.now() + minutes * 60_000).toISOString();
const part = encodeURIComponent;

async function driveSignIn(tenant) {
  const refused = await signIn(tenant, { client_secret: 'wrong' });
  assert.equal(refused.status, 401);
  assert.deepEqual(refused.json.error_codes, [7000215]);
  assert.deepEqual((await signIn('nowhere.example')).json.error_codes, [90002]);
  assert.deepEqual((await signIn(tenant, { scope: 'User.Read' })).json.error_codes, [70011]);
  const good = await signIn(tenant);
  assert.equal(good.json.token_type, 'Bearer');
  drive.token = good.json.access_token;
}

async function driveDirectory(team, users) {
  await expect(200, 'GET', `/users/${users[1].id}?$select=id,mail,accountEnabled,userType`);
  await expect(200, 'GET', `/users/${users[1].upn}`);
  await expect(200, 'GET', `/users?$filter=${part(`mail eq '${users[2].mail}'`)}`);
  await expect(404, 'GET', '/users/nobody@contract.example');
  await expect(200, 'GET', `/groups/${team.id}`);
  await expect(200, 'GET', `/groups/${team.id}/members?$top=2`);
  await expect(200, 'GET', `/groups/${team.id}/owners`);
  await expect(200, 'GET', `/teams/${team.id}`);
  await expect(404, 'GET', '/teams/00000000-0000-4000-8000-000000000000');
}

async function driveChannels(team) {
  const { value } = await expect(200, 'GET', `/teams/${team.id}/channels`);
  assert.deepEqual(value.map((c) => c.membershipType), ['standard', 'private', 'unknownFutureValue']);
  await expect(200, 'GET', `/teams/${team.id}/primaryChannel`);
  const shared = await expect(200, 'GET', `/teams/${team.id}/channels/${part(value[2].id)}`, undefined, { Prefer: 'include-unknown-enum-members' });
  assert.equal(shared.membershipType, 'shared');
  return value;
}

async function driveMembers(team, users) {
  const members = `/teams/${team.id}/members`;
  const first = await expect(200, 'GET', `${members}?$top=2`);
  const second = await expect(200, 'GET', first['@odata.nextLink']);
  assert.equal(first.value.length + second.value.length, 4);
  const one = await expect(200, 'GET', `${members}?$filter=${part(`(microsoft.graph.aadUserConversationMember/userId eq '${users[1].id}')`)}`);
  await expect(200, 'GET', `${members}/${part(one.value[0].id)}`);
  await expect(200, 'GET', `/teams('${team.id}')/members('${part(one.value[0].id)}')`);
  const added = await expect(201, 'POST', members, bind(users[6].id));
  const again = await expect(201, 'POST', members, bind(users[6].id));
  assert.equal(again.id, added.id);
  await expect(200, 'PATCH', `${members}/${part(added.id)}`, { '@odata.type': '#microsoft.graph.aadUserConversationMember', roles: ['owner'] });
  await expect(204, 'DELETE', `${members}/${part(added.id)}`);
  await expect(404, 'GET', `${members}/${part(added.id)}`);
  await expect(400, 'DELETE', `${members}/${part(first.value[0].id)}`);
  const item = (id) => ({ '@odata.type': 'microsoft.graph.aadUserConversationMember', 'user@odata.bind': bind(id)['user@odata.bind'] });
  await expect(200, 'POST', `${members}/add`, { values: [bind(users[6].id), bind(users[7].id)] });
  await expect(207, 'POST', `${members}/add`, { values: [bind(users[8].id), bind('00000000-0000-4000-8000-00000000ffff')] });
  await expect(204, 'POST', `${members}/remove`, { values: [item(users[6].id), item(users[7].id)] });
  await expect(207, 'POST', `${members}/remove`, { values: [item(users[8].id), item(users[7].id)] });
}

async function driveChannelMembers(team, channels, users) {
  const members = `/teams/${team.id}/channels/${part(channels[1].id)}/members`;
  await expect(200, 'GET', members);
  const added = await expect(201, 'POST', members, bind(users[3].id));
  await expect(200, 'PATCH', `${members}/${part(added.id)}`, { '@odata.type': '#microsoft.graph.aadUserConversationMember', roles: ['owner'] });
  await expect(204, 'DELETE', `${members}/${part(added.id)}`);
  await expect(200, 'GET', `/teams/${team.id}/channels/${part(channels[2].id)}/allMembers`);
  const access = await expect(200, 'GET', `/teams/${team.id}/channels/${part(channels[2].id)}/doesUserHaveAccess(userId='@userId',tenantId='@tenantId')` +
    `?@userId='${users[0].id}'&@tenantId='${team.tenant}'`);
  assert.equal(access.value, true);
}

async function driveDelta(team, users) {
  const start = await expect(200, 'GET', `/groups/delta?$select=displayName,members&$filter=${part(`id eq '${team.id}'`)}`);
  await control('POST', 'members', { op: 'add', team: team.id, user: users[9].id });
  const next = await expect(200, 'GET', start['@odata.deltaLink']);
  assert.equal(next.value[0]['members@delta'][0].id, users[9].id);
  await control('POST', 'expire', { delta: true });
  const gone = await graph('GET', next['@odata.deltaLink']);
  assert.equal(gone.status, 410);
  assert.match(gone.headers.get('location'), /\$deltatoken=$/);
}

async function driveSubscriptions(team, channels, users, endpoint) {
  const body = { changeType: 'created,updated,deleted', resource: `/teams/${team.id}/members`, notificationUrl: `${endpoint.url}/n?t=1`,
    lifecycleNotificationUrl: `${endpoint.url}/l`, expirationDateTime: inTime(120), clientState: 'contract' };
  const made = await expect(201, 'POST', '/subscriptions', body);
  assert.equal(made.clientState, 'contract');
  const twice = await graph('POST', '/subscriptions', body);
  assert.equal(twice.status, 409);
  assert.ok(twice.json.error.message.includes(made.id));
  const listed = await expect(200, 'GET', '/subscriptions');
  assert.equal(listed.value[0].clientState, null);
  await expect(200, 'GET', `/subscriptions/${made.id}`);
  const { lifecycleNotificationUrl, ...without } = body;
  await expect(400, 'POST', '/subscriptions', { ...without, changeType: 'created' });
  await expect(400, 'POST', '/subscriptions', { ...body, changeType: 'deleted', notificationUrl: `${endpoint.url}/wrong` });
  const more = [`/teams/${team.id}/channels/getAllMembers`, `/groups/${team.id}/members`, '/teams', `/users/${users[0].id}/events`];
  for (const resource of more) {
    await expect(201, 'POST', '/subscriptions', { ...body, resource, changeType: resource.startsWith('/groups') || resource === '/teams' ? 'updated,deleted' : body.changeType });
  }

  const told = (change, place) => endpoint.next(`${change} ${place}`, (i) => i.changeType === change && i.resource.includes(place));
  await expect(201, 'POST', `/teams/${team.id}/members`, bind(users[6].id));
  const item = await told('created', '/members(');
  assert.equal(item.clientState, 'contract');
  assert.ok(item.url.startsWith('/n?t=1'));
  await expect(200, 'GET', `/${item.resource}`);
  await told('updated', 'Groups/');
  await control('POST', 'members', { op: 'role', team: team.id, user: users[6].id, role: 'owner' });
  await told('updated', '/members(');
  await control('POST', 'members', { op: 'remove', team: team.id, user: users[6].id });
  await told('deleted', '/members(');
  await control('POST', 'members', { op: 'add', team: team.id, channel: channels[1].id, user: users[4].id });
  await told('created', '/channels(');
  await control('POST', 'teams', { id: team.id, name: 'Renamed' });
  await told('updated', 'teams(');
  for (const event of ['reauthorizationRequired', 'missed']) {
    await control('POST', 'notify', { subscription: made.id, lifecycle: event });
    assert.ok((await endpoint.next(event, (i) => i.lifecycleEvent === event)).url.startsWith('/l'));
  }
  await expect(200, 'PATCH', `/subscriptions/${made.id}`, { expirationDateTime: inTime(240) });
  await expect(204, 'POST', `/subscriptions/${made.id}/reauthorize`);
  await expect(204, 'DELETE', `/subscriptions/${made.id}`);
  await expect(404, 'PATCH', `/subscriptions/${made.id}`, { expirationDateTime: inTime(240) });
}

const property = 'String {5f0e0d62-0000-4000-8000-000000000001} Name PlatformEventId';
const outlook = { Prefer: 'IdType="ImmutableId", outlook.timezone="UTC", odata.maxpagesize=50' };
const at = (time, zone = 'Europe/Warsaw') => ({ dateTime: time, timeZone: zone });
const person = (address, type = 'required') => ({ type, emailAddress: { address, name: address } });

async function driveEvents(user) {
  const events = `/users/${user.id}/events`;
  const call = (status, method, target, body, more = {}) => expect(status, method, target, body, { ...outlook, ...more });
  const talk = { subject: 'Talk', body: { contentType: 'html', content: '<p>Come</p>' }, start: at('2027-03-02T17:00:00'), end: at('2027-03-02T18:00:00'),
    location: { displayName: 'Hall' }, isOnlineMeeting: true, onlineMeetingProvider: 'teamsForBusiness', attendees: [person('a@x.example'), person('b@x.example', 'optional')],
    hideAttendees: true, transactionId: 'contract-1', singleValueExtendedProperties: [{ id: property, value: 'evt-1' }] };
  const made = await call(201, 'POST', events, talk);
  assert.match(made.onlineMeeting.joinUrl, /^https:\/\/teams\.microsoft\.com\/l\/meetup-join\//);
  for (let i = 0; i < 12; i++) {
    const again = await graph('POST', events, { ...talk, subject: i % 2 ? 'Other' : 'Talk' }, outlook);
    assert.ok([201, 400, 409].includes(again.status) && (again.status !== 201 || again.json.id === made.id));
  }
  await call(400, 'POST', events, { ...talk, transactionId: 'contract-2', start: at('2027-03-02T17:00:00', 'Mars/Olympus') });
  const any = `singleValueExtendedProperties/Any(ep: ep/id eq '${property}' and ep/value eq 'evt-1')`;
  const expand = `singleValueExtendedProperties($filter=id eq '${property}')`;
  const found = await call(200, 'GET', `${events}?$filter=${part(any)}&$expand=${part(expand)}`);
  assert.equal(found.value[0].singleValueExtendedProperties[0].value, 'evt-1');
  await call(200, 'GET', `${events}/${made.id}?$expand=${part(expand)}`);
  const changed = await call(200, 'PATCH', `${events}/${made.id}`, { subject: 'Better talk' }, { 'If-Match': made['@odata.etag'] });
  await call(412, 'PATCH', `${events}/${made.id}`, { subject: 'Best talk' }, { 'If-Match': made['@odata.etag'] });
  assert.notEqual(changed['@odata.etag'], made['@odata.etag']);
  const plain = await expect(200, 'GET', `${events}/${made.id}`);
  assert.notEqual(plain.id, made.id);
  const weekly = await call(201, 'POST', events, { subject: 'Weekly', start: at('2027-03-02T09:00:00'), end: at('2027-03-02T10:00:00'),
    recurrence: { pattern: { type: 'weekly', interval: 1, daysOfWeek: ['tuesday'] }, range: { type: 'numbered', startDate: '2027-03-02', numberOfOccurrences: 4 } } });
  const window = 'startDateTime=2027-03-01T00:00:00Z&endDateTime=2027-04-15T00:00:00Z';
  const { value } = await call(200, 'GET', `${events}/${weekly.id}/instances?${window}`);
  assert.equal(value.length, 4);
  await call(200, 'PATCH', `${events}/${value[1].id}`, { start: at('2027-03-10T09:00:00'), end: at('2027-03-10T10:00:00') });
  await call(202, 'POST', `${events}/${value[2].id}/cancel`, { Comment: 'Not this week' });
  const series = await call(200, 'GET', `${events}/${weekly.id}?$select=subject,cancelledOccurrences&$expand=exceptionOccurrences`);
  assert.equal(series.cancelledOccurrences.length + series.exceptionOccurrences.length, 2);
  assert.equal((await call(200, 'GET', `/users/${user.id}/calendarView?$top=50&${window}`)).value.length, 4);
  const first = await call(200, 'GET', `/users/${user.id}/calendarView/delta?${window}`);
  assert.deepEqual(first.value.map((e) => e.type).sort(), ['exception', 'occurrence', 'occurrence', 'seriesMaster', 'singleInstance']);
  await call(202, 'POST', `${events}/${made.id}/cancel`, { Comment: 'Ill' });
  await call(404, 'POST', `${events}/${made.id}/cancel`, { Comment: 'Ill' });
  const next = await call(200, 'GET', first['@odata.deltaLink']);
  assert.deepEqual(next.value, [{ id: made.id, '@removed': { reason: 'deleted' } }]);
  await call(204, 'DELETE', `${events}/${weekly.id}`);
  await control('POST', 'expire', { delta: true });
  await call(410, 'GET', next['@odata.deltaLink']);
  const { mails } = await control('GET', `mailbox?user=${user.id}`);
  assert.deepEqual(mails, { invitations: 2, updates: 2, cancellations: 2 });
}

async function driveBatch(team) {
  const answer = await expect(200, 'POST', '/$batch', { requests: [{ id: '1', method: 'GET', url: `/teams/${team.id}` },
    { id: '2', method: 'GET', url: '/users/nobody@contract.example', dependsOn: ['1'] }, { id: '3', method: 'GET', url: '/users', dependsOn: ['2'] }] });
  const statuses = Object.fromEntries(answer.responses.map((r) => [r.id, r.status]));
  assert.deepEqual(statuses, { 1: 200, 2: 404, 3: 424 });
}

async function driveRefusals(team) {
  const read = () => graph('GET', `/teams/${team.id}/members`);
  await control('POST', 'permissions', { tenant: team.tenant, withdraw: ['TeamMember.Read.All', 'TeamMember.ReadWrite.All'] });
  const denied = await read();
  assert.equal(denied.status, 403);
  assert.equal(denied.json.error.code, 'Authorization_RequestDenied');
  await control('POST', 'permissions', { tenant: team.tenant, grant: ['TeamMember.Read.All', 'TeamMember.ReadWrite.All'] });
  await control('POST', 'faults', { kind: 'status', status: 429, retry_after_s: 3, method: 'GET', path: '/teams' });
  const throttled = await read();
  assert.equal(throttled.status, 429);
  assert.equal(throttled.headers.get('retry-after'), '3');
  for (const kind of ['truncate', 'close_after']) {
    await control('POST', 'faults', { kind, path: '/teams' });
    await assert.rejects(read(), `the answer of ${kind} came whole`);
  }
  await control('POST', 'expire', { tokens: true });
  const old = await read();
  assert.equal(old.status, 401);
  assert.equal(old.json.error.code, 'InvalidAuthenticationToken');
}

const log = path.join(directory, 'exchanges.ndjson');
fs.mkdirSync(directory, { recursive: true });
fs.rmSync(log, { force: true });
fs.rmSync(path.join(directory, 'ca.pem'), { force: true }); // of an earlier run
makeCertificate(directory);
const check = await loadChecker();
const endpoint = await startEndpoint();
const simulator = await startSimulator(log);
let code;
try {
  drive.url = simulator.url;
  const world = await control('POST', 'world', { apps: [{ client_id: '00000000-0000-4000-8000-00000000aaaa', client_secret: 's' }],
    tenants: [{ domain: 'contract.example', teams: [{ name: 'Contract', members: 4,
      channels: [{ name: 'Inner', type: 'private', members: 2 }, { name: 'Open', type: 'shared', members: 1 }] }] }],
    settings: { strict: false, spellings: 'plain' } });
  const tenant = world.tenants[0].id;
  const team = { id: world.tenants[0].teams[0].id, tenant };
  await control('POST', 'users', { tenant, count: 8 });
  await driveSignIn(tenant);
  const users = (await expect(200, 'GET', '/users')).value.map((u) => ({ id: u.id, upn: u.userPrincipalName, mail: u.mail }));
  await driveDirectory(team, users);
  const channels = await driveChannels(team);
  await driveMembers(team, users);
  await driveChannelMembers(team, channels, users);
  await driveDelta(team, users);
  await driveSubscriptions(team, channels, users, endpoint);
  await driveEvents(users[0]);
  await driveBatch(team);
  await driveRefusals(team);
} finally {
  code = await simulator.stop();
  endpoint.close();
}
assert.equal(code, 0, 'the simulator did not end well');
const { passed, findings } = judge(check, log, { lenient: true });
findings.forEach((finding) => console.log(finding));
console.log(`${passed} exchanges and notifications fit Microsoft's description, ${findings.length} do not`);
assert.ok(passed > 100, 'too few exchanges to mean anything');
process.exit(findings.length > 0 ? 1 : 0);
