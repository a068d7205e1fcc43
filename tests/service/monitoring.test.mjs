// Alert rules, dashboard and manual name only series that exist, in PromQL that Prometheus understands; a scrape of running daemons
// shows all documented series and no other.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { build, eventually, request, root, Stack } from '../e2e/lib/stack.mjs';

const documented = fs.readFileSync(path.join(build, 'man/metrics.txt'), 'utf8');

/** Families and samples (name and labels, without the number) of an exposition. */
function read(text) {
  const families = new Map();
  const samples = new Set();
  for (const line of text.split('\n')) {
    const [, word, name, rest] = line.match(/^# (HELP|TYPE) (\S+) (.*)$/) ?? [];
    if (word) families.set(name, { ...families.get(name), [word]: rest });
    else if (line !== '') samples.add(line.replace(/ \S+$/, ''));
  }
  return { families, samples };
}
const { families, samples } = read(documented);
const known = new Set([...samples].map((sample) => sample.replace(/\{.*/, '')));

function promtool(args, input) {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { input, encoding: 'utf8' });
  if (error) throw error;
  return { status, said: stdout + stderr };
}

/** Every series and every fixed label value that a text names. */
function namesOnlyWhatExists(text, where) {
  let count = 0;
  for (const [, name, , labels] of text.matchAll(/\b(ergsync_[a-z_]+)(\{([^}]*)\})?/g)) {
    count++;
    assert.ok(known.has(name) || families.has(name), `${where} names ${name}, which does not exist`);
    for (const [, label, operator, value] of (labels ?? '').matchAll(/([a-z]+)(=~?)"([^"$]*)"/g)) {
      for (const one of operator === '=~' ? value.split('|') : [value]) {
        assert.ok([...samples].some((s) => s.startsWith(`${name}{`) && s.includes(`${label}="${one}"`)), `${where}: ${name} has no ${label}="${one}"`);
      }
    }
  }
  return count;
}

test('what the daemons expose is as Prometheus wants it, and each family says what it is', () => {
  const { status, said } = promtool(['check', 'metrics'], documented);
  assert.equal(said, '');
  assert.equal(status, 0);
  for (const [name, { HELP, TYPE }] of families) {
    assert.ok(HELP?.length > 5 && TYPE, `${name} is not explained`);
    assert.match(name, /^ergsync_/);
  }
});

test('alert rules', () => {
  const file = path.join(root, 'monitoring/alerts.yml');
  assert.equal(promtool(['check', 'rules', file]).status, 0, promtool(['check', 'rules', file]).said);
  const tried = promtool(['test', 'rules', path.join(root, 'tests/service/alerts.test.yml')]);
  assert.equal(tried.status, 0, tried.said);
  assert.ok(namesOnlyWhatExists(fs.readFileSync(file, 'utf8'), 'alerts.yml') > 20);
});

test('dashboard', () => {
  const board = JSON.parse(fs.readFileSync(path.join(root, 'monitoring/dashboard.json'), 'utf8'));
  const expressions = board.panels.flatMap((panel) => (panel.targets ?? []).map((target) => target.expr));
  assert.equal(new Set(board.panels.map((p) => p.id)).size, board.panels.length);
  assert.ok(expressions.length > 30);
  for (const expression of expressions) namesOnlyWhatExists(expression, 'dashboard.json');
  // As recording rules, so that Prometheus' own parser judges them.
  const rules = expressions.map((e, i) => `      - { record: 'panel:${i}', expr: '${e.replaceAll('$job', 'ergsync').replaceAll('$__rate_interval', '5m')}' }`);
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ergsync-dashboard-'));
  try {
    const file = path.join(directory, 'rules.yml');
    fs.writeFileSync(file, ['groups:', '  - name: dashboard', '    rules:', ...rules, ''].join('\n'));
    const { status, said } = promtool(['check', 'rules', file]);
    assert.equal(status, 0, said);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
  const shown = new Set(expressions.join(' ').match(/ergsync_[a-z_]+/g).map((name) => families.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '')));
  assert.deepEqual([...families.keys()].filter((name) => !shown.has(name)), [], 'every family has a panel');
});

test('manual', () => {
  const page = execFileSync('man', ['-l', path.join(build, 'man/ergsync-metrics.7')], { encoding: 'utf8', env: { ...process.env, MANWIDTH: '2000', LC_ALL: 'C.UTF-8' } });
  for (const [name, { TYPE }] of families) assert.match(page, new RegExp(`^ +${name} \\(${TYPE}\\)$`, 'm'));
  namesOnlyWhatExists(fs.readFileSync(path.join(root, 'README.md'), 'utf8'), 'README.md');
});

test('one scrape of running daemons shows every documented series and no other', async (t) => {
  const stack = await Stack.make(t, { config: { graph: { client_secret_expires: '2031-05-06' } } });
  await stack.start();
  const scrape = await eventually('both daemons are in the scrape', async () => {
    const answer = await request({ url: `http://127.0.0.1:${stack.adminPort}/metrics` });
    return answer.status === 200 && answer.text.includes('ergsync_listener_healthy 1') && answer;
  });
  assert.match(scrape.headers['content-type'], /^text\/plain; version=0\.0\.4/);
  const { status, said } = promtool(['check', 'metrics'], scrape.text);
  assert.equal(said, '');
  assert.equal(status, 0);
  const number = (name) => Number(scrape.text.match(new RegExp(`^${name} (\\S+)$`, 'm'))[1]);
  assert.equal(number('ergsync_graph_secret_expiry_timestamp_seconds'), Date.UTC(2031, 4, 7) / 1000, 'the end of the day that the configuration names');
  assert.equal(number('ergsync_graph_certificate_expiry_timestamp_seconds'), 0, 'it signs in by a secret');
  assert.equal(number('ergsync_tenants_permission_missing'), 0);
  const seen = read(scrape.text);
  assert.deepEqual([...seen.samples].sort(), [...samples].sort());
  assert.deepEqual(seen.families, families);
});
