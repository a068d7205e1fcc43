// Whatever is wrong at start: one clear message, the documented exit status, nothing left running.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import test from 'node:test';
import { Stack, eventually, makeCertificate, runProgram } from './lib/stack.mjs';

const daemons = ['ergsync-listener', 'ergsync-reconciler'];

async function fails(stack, program, code, pattern, args = []) {
  const result = await runProgram(program, ['--config', stack.file('ergsync.conf'), ...args], { env: { RUNTIME_DIRECTORY: '' }, timeout: 20_000 });
  assert.equal(result.code, code, `${program}: exit ${result.code} ${result.signal ?? ''}: ${result.output}`);
  assert.match(result.output, pattern, `${program} says: ${result.output}`);
  assert.ok(result.output.split('\n').length < 12, `short: ${result.output}`);
  return result.output;
}

test('wrong configurations name file, line and what would be right', async (t) => {
  const stack = await Stack.make(t);
  const cases = [
    ['unknown key', { sync: { settel: '15m' } }, /ergsync\.conf:\d+: .*settel/],
    ['unknown section', { sink: { a: 'b' } }, /ergsync\.conf:\d+: .*sink/],
    ['duration without unit', { sync: { settle: '15' } }, /ergsync\.conf:\d+: .*settle.*(15m|90s)/],
    ['number out of range', { sync: { removal_percent: '120' } }, /ergsync\.conf:\d+: .*removal_percent/],
    ['not a choice', { sync: { meeting_conflicts: 'both' } }, /ergsync\.conf:\d+: .*meeting_conflicts.*(app|outlook)/],
    ['missing required key', { listener: { public_url: null } }, /public_url/],
    ['plain http to the world', { listener: { public_url: 'http://hooks.example.org' } }, /public_url.*https/],
    ['missing key file', { state: { intake_key_file: 'nowhere.key' } }, /nowhere\.key.*|intake_key_file/],
    ['http base_url that is not loopback', { graph: { base_url: 'http://graph.example.org/v1.0' } }, /base_url/],
    ['tcp app listen without a token', { app: { listen: '127.0.0.1:0' } }, /token_file/],
  ];
  for (const [name, config, pattern] of cases) {
    await t.test(name, async () => {
      stack.writeConfig(config);
      for (const program of daemons) await fails(stack, program, 2, pattern);
      const check = await stack.ctl('check');
      assert.equal(check.code, 1, check.output);
      assert.match(check.output, pattern);
    });
  }
  await t.test('every mistake is told at once', async () => {
    stack.writeConfig({ sync: { settle: '15', sweep: 'often', removal_limit: '-1' } });
    const output = await fails(stack, 'ergsync-reconciler', 2, /settle/);
    assert.match(output, /sweep/);
    assert.match(output, /removal_limit/);
  });
  await t.test('no such file', async () => {
    for (const program of daemons) {
      const result = await runProgram(program, ['--config', stack.file('none.conf')]);
      assert.equal(result.code, 2);
      assert.match(result.output, /none\.conf/);
    }
  });
  await t.test('--check on a good file says so and starts nothing', async () => {
    stack.writeConfig();
    for (const program of daemons) {
      const result = await runProgram(program, ['--config', stack.file('ergsync.conf'), '--check']);
      assert.equal(result.code, 0, result.output);
    }
    assert.equal(fs.existsSync(stack.file('state')), false);
  });
  await t.test('usage', async () => {
    for (const program of [...daemons, 'ergsyncctl']) {
      assert.equal((await runProgram(program, ['--no-such-option'])).code, 2);
      assert.equal((await runProgram(program, ['--help'])).code, 0);
      assert.match((await runProgram(program, ['--version'])).output, /ergsync/);
    }
    assert.equal((await stack.ctl('status')).code, 3, 'no daemon to reach');
  });
});

test('failures at start-up', async (t) => {
  const stack = await Stack.make(t);
  await stack.startSim();
  stack.writeConfig();

  await t.test('port in use', async () => {
    const taken = net.createServer().listen(stack.publicPort, '127.0.0.1');
    await new Promise((done) => taken.once('listening', done));
    await fails(stack, 'ergsync-listener', 1, new RegExp(`127\\.0\\.0\\.1.*${stack.publicPort}.*in use`));
    await new Promise((done) => taken.close(done));
  });
  await t.test('key file with something else in it', async () => {
    const good = fs.readFileSync(stack.file('state.key'));
    fs.writeFileSync(stack.file('state.key'), 'too short\n');
    await fails(stack, 'ergsync-reconciler', 2, /state\.key/);
    fs.writeFileSync(stack.file('state.key'), good);
  });
  await t.test('expired certificate', async () => {
    makeCertificate(stack.directory, { name: 'old', startdate: '20200101000000Z', enddate: '20200201000000Z' });
    stack.writeConfig({ listener: { tls_certificate: 'old.pem', tls_key: 'old.key' } });
    await fails(stack, 'ergsync-listener', 1, /expired/i);
  });
  await t.test('certificate and key of different pairs', async () => {
    stack.writeConfig({ listener: { tls_certificate: 'tls.pem', tls_key: 'old.key' } });
    await fails(stack, 'ergsync-listener', 1, /key/i);
    stack.writeConfig();
  });
  await t.test('unreachable Graph is a state, not a failure', async () => {
    stack.writeConfig({ graph: { base_url: 'http://127.0.0.1:9/v1.0', login_url: 'http://127.0.0.1:9' } });
    await stack.startListener();
    await stack.startReconciler();
    await stack.api('PUT', '/v1/tenants/acme', { directory_id: '11111111-2222-4333-8444-555555555555', organizer: 'events@acme.example' });
    const tenant = await eventually('the tenant is shown unreachable', async () => {
      const { json } = await stack.api('GET', '/v1/tenants/acme');
      return json.state === 'unreachable' && json;
    });
    assert.ok(tenant.detail.length > 10);
    const status = await stack.ctl('status');
    assert.equal(status.code, 0);
    assert.match(status.output, /unreachable/i);
  });
  await t.test('a second reconciler on the same store', async () => {
    const second = await runProgram('ergsync-reconciler', ['--config', stack.file('ergsync.conf')], { env: { RUNTIME_DIRECTORY: '' }, timeout: 20_000 });
    assert.equal(second.code, 1, second.output);
    assert.match(second.output, /in use|another|already/i);
  });
  await t.test('another key than the store was sealed with', async () => {
    await stack.reconciler.kill();
    await stack.listener.kill();
    const good = fs.readFileSync(stack.file('state.key'));
    fs.writeFileSync(stack.file('state.key'), Buffer.alloc(32, 7).toString('base64') + '\n');
    await fails(stack, 'ergsync-reconciler', 1, /key/i);
    fs.writeFileSync(stack.file('state.key'), good);
  });
  for (const [program, what] of [['ergsync-reconciler', 'store'], ['ergsync-listener', 'inbox']]) {
    const directory = stack.file(what === 'store' ? 'other/state' : 'other/inbox');
    await t.test(`a newer ${what} is refused, an older one is opened`, async () => {
      stack.writeConfig({ state: { directory: 'other' } });
      for (const [format, refused] of [[9, true], [0, false]]) {
        fs.rmSync(stack.file('other'), { recursive: true, force: true });
        fs.mkdirSync(stack.file('other'), { mode: 0o700 });
        assert.equal((await runProgram('store_format', [directory, what, String(format)])).code, 0);
        if (refused) {
          assert.match(await fails(stack, program, 1, /format 9.*(newer version|backup)/), /format/);
        } else {
          const daemon = stack.spawn(program, ['--config', stack.file('ergsync.conf')], { env: { RUNTIME_DIRECTORY: '' } });
          await eventually('it is ready', () => {
            if (daemon.over) throw new Error(daemon.output);
            return /event=ready/.test(daemon.output);
          });
          await daemon.kill();
          assert.equal(daemon.code, 0, daemon.output);
        }
      }
    });
  }
});
