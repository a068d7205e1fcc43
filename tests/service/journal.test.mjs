// Under systemd each event is an entry of the journal with fields of its own, and journalctl's catalog explains the important ones.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { Stack, build, eventually } from '../e2e/lib/stack.mjs';
import { Managed } from './lib/manager.mjs';

const catalogFile = path.join(build, 'man/ergsync.catalog');

test('the catalog is one that journalctl takes, and explains', () => {
  const tree = fs.mkdtempSync(path.join(os.tmpdir(), 'ergsync-catalog-'));
  try {
    fs.mkdirSync(path.join(tree, 'usr/lib/systemd/catalog'), { recursive: true });
    fs.mkdirSync(path.join(tree, 'var/lib/systemd/catalog'), { recursive: true });
    fs.copyFileSync(catalogFile, path.join(tree, 'usr/lib/systemd/catalog/ergsync.catalog'));
    const made = spawnSync('journalctl', ['--root', tree, '--update-catalog'], { encoding: 'utf8' });
    assert.equal(made.status, 0, made.stderr);
    assert.equal(made.stderr, '');
    // It is kept by ids, each with its text.
    const size = fs.statSync(path.join(tree, 'var/lib/systemd/catalog/database')).size;
    const text = fs.readFileSync(catalogFile, 'utf8');
    const entries = text.match(/^-- [0-9a-f]{32}$/gm);
    assert.ok(size > text.length / 2, `${size} bytes of ${text.length}`);
    assert.ok(entries.length > 40 && new Set(entries).size === entries.length);
  } finally {
    fs.rmSync(tree, { recursive: true });
  }
});

test('entries have fields, ids of the catalog, and nothing personal', async (t) => {
  if (process.getuid() !== 0) {
    console.log('SKIPPED: no right to stand in for the journal here; run as root to prove its fields');
    t.skip('not root');
    return;
  }
  const stack = await Stack.make(t);
  await stack.startSim();
  await stack.startApp();
  stack.writeConfig();
  const managed = (name, options) => {
    const m = new Managed(name, ['--config', stack.file('ergsync.conf')], { ...options, journal: true });
    t.after(() => m.stop());
    return m;
  };
  const listener = managed('ergsync-listener', { listen: stack.publicPort });
  await listener.heard('notify', /READY=1/);
  const reconciler = managed('ergsync-reconciler');
  await reconciler.heard('notify', /READY=1/);
  const world = await stack.world({ users: 6, members: 3 });
  await stack.link(world);
  await stack.inSync();
  await stack.control('POST', 'consent', { tenant: world.tenant, consent: 'withdrawn' });
  await stack.api('POST', '/v1/resyncs', { scope: 'all' });
  await reconciler.heard('journal', /ERGSYNC_FACT=tenant_state.*ERGSYNC_STATE=consent_missing/);
  fs.appendFileSync(stack.file('ergsync.conf'), '[nonsense]\n');
  for (const daemon of [listener, reconciler]) {
    daemon.command('signal 1');
    await daemon.heard('journal', /ERGSYNC_FACT=reload_refused/);
    daemon.command('stop');
    await daemon.heard('exited', /^0$/);
  }

  const explained = new Set([...fs.readFileSync(catalogFile, 'utf8').matchAll(/^-- ([0-9a-f]{32})$/gm)].map(([, id]) => id));
  const ids = new Map();
  for (const daemon of [listener, reconciler]) {
    assert.equal(daemon.output, '', 'nothing is told twice: not on standard error, too');
    const entries = daemon.all('journal').map(({ text }) => Object.fromEntries(text.split('\t').filter(Boolean).map((f) => [f.slice(0, f.indexOf('=')), f.slice(f.indexOf('=') + 1)])));
    assert.ok(entries.length >= 3, `${daemon.name}: ${entries.length} entries`);
    for (const e of entries) {
      assert.equal(e.SYSLOG_IDENTIFIER, daemon.name);
      assert.match(e.MESSAGE, new RegExp(`^event=${e.ERGSYNC_FACT}( |$)`), JSON.stringify(e));
      assert.match(e.MESSAGE_ID, /^[0-9a-f]{32}$/);
      assert.match(e.PRIORITY, /^[3467]$/);
      assert.equal(ids.get(e.ERGSYNC_FACT) ?? e.MESSAGE_ID, e.MESSAGE_ID);
      ids.set(e.ERGSYNC_FACT, e.MESSAGE_ID);
      if (Number(e.PRIORITY) <= 4) assert.ok(explained.has(e.MESSAGE_ID), `${e.ERGSYNC_FACT} is not in the catalog`);
      for (const name of Object.keys(e)) assert.match(name, /^(MESSAGE|MESSAGE_ID|PRIORITY|SYSLOG_IDENTIFIER|ERGSYNC_[A-Z_]+)$/);
    }
    const all = JSON.stringify(entries);
    for (const secret of [world.tenant, world.team.id, ...world.users.flatMap((u) => [u.id, u.mail, u.upn]), stack.clientSecret]) assert.ok(!all.includes(secret), `${daemon.name} tells ${secret}`);
  }
  for (const event of ['ready', 'stopping', 'stopped', 'reload_refused', 'listening', 'subscription_created']) assert.ok(ids.has(event), event);
  const state = reconciler.all('journal', /ERGSYNC_FACT=tenant_state/).at(-1).text;
  assert.match(state, /PRIORITY=4\t/);
  assert.match(state, /ERGSYNC_TENANT=acme\t/);
});
