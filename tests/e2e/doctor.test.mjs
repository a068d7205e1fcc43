// The doctor: a healthy tenant, then one of each fault, each told in words an administrator can act on.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import test from 'node:test';
import { Stack, eventually } from './lib/stack.mjs';

const needed = ['User.Read.All', 'Team.ReadBasic.All', 'Channel.ReadBasic.All', 'TeamMember.Read.All', 'TeamMember.ReadWrite.All', 'GroupMember.Read.All', 'Calendars.Read', 'Calendars.ReadWrite'];
const day = (offset) => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);
const listen = (server) => new Promise((done) => server.listen(0, '127.0.0.1', () => done(server.address().port)));

/** Graph as seen by a machine whose clock is two hours ahead: the same answers with another Date. */
async function skewedGraph(simUrl) {
  const server = http.createServer((q, a) => {
    const onward = http.request(`${simUrl}${q.url}`, { method: q.method, headers: { ...q.headers, host: new URL(simUrl).host } }, (answer) => {
      a.writeHead(answer.statusCode, { ...answer.headers, date: new Date(Date.now() - 2 * 3_600_000).toUTCString() });
      answer.pipe(a);
    });
    onward.on('error', () => a.destroy());
    q.pipe(onward);
  });
  return { server, url: `http://127.0.0.1:${await listen(server)}` };
}

/** What somebody put where the listener should be: TLS 1.3 alone, and a redirect for everything. */
async function wrongEndpoint(stack) {
  const server = https.createServer({ cert: fs.readFileSync(stack.file('tls.pem')), key: fs.readFileSync(stack.file('tls.key')), minVersion: 'TLSv1.3' }, (q, a) => a.writeHead(301, { location: 'https://www.example.org/' }).end());
  return { server, url: `https://localhost:${await listen(server)}` };
}

test('the doctor', async (t) => {
  const stack = await Stack.make(t);
  const close = [];
  t.after(() => close.forEach((server) => { server.closeAllConnections(); server.close(); }));
  const config = (changes = {}) => stack.writeConfig({ graph: { ca_file: stack.tls.ca, client_secret_expires: day(200), ...changes.graph }, listener: { ...changes.listener } });
  const doctor = async () => {
    const { json } = await eventually('the doctor is done', async () => {
      const answer = await stack.api('GET', '/v1/tenants/acme/doctor');
      return answer.json.state === 'done' ? answer : undefined;
    }, { within: 40_000 });
    return Object.fromEntries(json.checks.map((check) => [check.check, check]));
  };
  /** Past the ten seconds that a report serves for. */
  const restart = async () => { await stack.reconciler.kill(); await stack.startReconciler(); };
  const told = (check, verdict, detail, next) => {
    assert.equal(check.verdict, verdict, JSON.stringify(check));
    assert.match(check.detail, detail);
    if (next === undefined) assert.equal(check.next, null, JSON.stringify(check));
    else assert.match(check.next, next);
  };

  await stack.startSim();
  await stack.startApp();
  config();
  await stack.startListener();
  await stack.startReconciler();
  const world = await stack.world({ users: 12, members: 6 });
  await stack.control('POST', 'permissions', { tenant: world.tenant, set: needed });
  await stack.link(world, { meetings: 'app' });
  await stack.inSync();

  await t.test('a healthy tenant', async () => {
    const checks = await doctor();
    for (const check of Object.values(checks)) assert.equal(check.verdict, 'ok', JSON.stringify(check));
    told(checks.mailbox, 'ok', /can be read/, /Test-ApplicationAccessPolicy/);
    told(checks.credential, 'ok', /good until/);
    const shown = await stack.ctl('doctor', 'acme');
    assert.equal(shown.code, 0, shown.output);
    assert.match(shown.output, /This installation\n {2}ok {6}credential/);
    assert.match(shown.output, /Tenant acme\n {2}ok {6}sign_in/);
  });

  await t.test('one of each fault', async () => {
    const graph = await skewedGraph(stack.simUrl);
    const wrong = await wrongEndpoint(stack);
    close.push(graph.server, wrong.server);
    config({ graph: { client_secret_expires: day(-2), base_url: `${graph.url}/v1.0` }, listener: { public_url: wrong.url } });
    await stack.control('POST', 'permissions', { tenant: world.tenant, withdraw: ['TeamMember.ReadWrite.All'], grant: ['ChannelMember.ReadWrite.All'] });
    await stack.control('POST', 'faults', { kind: 'status', status: 403, code: 'ErrorAccessDenied', path: `/users/${world.users[0].id}/events`, count: 0 });
    await restart();
    const other = await stack.control('POST', 'teams', { tenant: world.tenant, owners: [world.users[0].id] });
    await stack.api('PUT', '/v1/ergs/other', { tenant: 'acme', name: 'Other', channel_url: stack.teamUrl(world.tenant, other), membership: 'two-way', meetings: 'off' });
    await eventually('the new subscription fails', async () => (await stack.api('GET', '/v1/status')).json.subscriptions.failing > 0, { within: 30_000 });
    const checks = await doctor();
    told(checks.credential, 'fail', /client secret expired at/, /client_secret_file/);
    told(checks.endpoint, 'fail', /redirect \(301\)/, /without a proxy/);
    told(checks.tls_1_2, 'fail', /TLS 1\.2 does not work/, /Graph needs TLS 1\.2/);
    told(checks.tls_1_3, 'ok', /TLS 1\.3 works/);
    told(checks.clock, 'fail', /7\d\d\d s ahead of Graph's/, /timedatectl/);
    told(checks.sign_in, 'ok', /application is signed in/);
    told(checks.permissions, 'fail', /Missing: TeamMember\.ReadWrite\.All \(to change members of teams\)/, /consent_url/);
    told(checks.unneeded_permissions, 'warn', /ChannelMember\.ReadWrite\.All/, /Remove them/);
    told(checks.organizer, 'ok', /exists/);
    told(checks.mailbox, 'fail', /application access policy/, /New-ApplicationAccessPolicy/);
    told(checks.subscriptions, 'fail', /subscriptions fail: ./, /ergsyncctl subscriptions/);
    const shown = await stack.ctl('doctor');
    assert.equal(shown.code, 1);
    for (const line of shown.output.split('\n')) t.diagnostic(line);
    assert.match(shown.output, /FAIL {4}mailbox +Exchange does not let/);
    assert.match(shown.output, /next: Add the organizer to the group of that policy/);
  });

  await t.test('an organizer who is not there, then consent withdrawn, then nobody at the endpoint', async () => {
    await stack.api('PUT', '/v1/tenants/acme', { directory_id: world.tenant, organizer: 'nobody@nowhere.example' });
    close.pop().close();
    config({ listener: { public_url: 'https://localhost:9' } });
    await restart();
    let checks = await doctor();
    told(checks.organizer, 'fail', /does not exist/, /another organizer/);
    told(checks.clock, 'ok', /agrees/);
    assert.match(checks.endpoint.detail, /cannot be reached from here/);
    assert.match(checks.endpoint.next, /ergsync-listener runs/);
    await stack.control('POST', 'consent', { tenant: world.tenant, consent: 'withdrawn' });
    await restart();
    checks = await doctor();
    told(checks.sign_in, 'fail', /Consent is missing/, /consent_url/);
    told(checks.permissions, 'unknown', /does not say/, /sign-in first/);
    assert.equal(checks.organizer.verdict, 'unknown');
  });
});
