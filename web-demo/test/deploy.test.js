/**
 * What `docker compose up` starts, as far as it can be tried without a container engine: the metrics as promtool sees
 * them, every query of the dashboard and of the alerts against a real Prometheus that scrapes a real server with a room
 * in it, and that the files name only what is there.
 */
import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { startServer } from './server.js';

/** @import {TestServer} from './server.js' */

const ROOT = path.resolve(import.meta.dirname, '../..');
const DASHBOARD = 'deploy/grafana/dashboards/switchyard.json';

/** How long anything may take, in milliseconds, on a machine that is busy with more. */
const PATIENCE = 60_000;

/** @param {string} file */
const read = (file) => readFileSync(path.join(ROOT, file), 'utf8');

/** @param {string} what @param {() => Promise<string | null>} check What is still wrong, or null. */
async function eventually(what, check) {
  for (const deadline = Date.now() + PATIENCE; ; await sleep(250)) {
    const wrong = await check();
    if (wrong === null) return;
    if (Date.now() > deadline) assert.fail(`${what}: at last, ${wrong}`);
  }
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}

/** The load test as cargo last built it. */
function loadtest() {
  const candidates = ['debug', 'release'].map((profile) => path.join(ROOT, 'target', profile, 'loadtest'));
  const found = candidates.find((candidate) => existsSync(candidate));
  assert.ok(found, 'there is no loadtest: run `cargo build --package loadtest` first');
  return found;
}

/** Each query of the dashboard, with the title of its panel. */
function dashboardQueries() {
  /** @type {{title: string, expr: string, datasource: {uid: string}}[]} */
  const queries = [];
  for (const panel of JSON.parse(read(DASHBOARD)).panels) {
    for (const { expr, datasource } of panel.targets ?? []) queries.push({ title: panel.title, expr, datasource });
  }
  assert.ok(queries.length > 20, `only ${queries.length} queries were found`);
  return queries;
}

describe('a server with a room in it, and a Prometheus', () => {
  /** @type {TestServer} */
  let server;
  let url = '';
  let directory = '';
  /** @type {import('node:child_process').ChildProcess[]} */
  const children = [];

  before(async () => {
    server = await startServer();
    directory = mkdtempSync(path.join(tmpdir(), 'switchyard-prometheus-'));
    // The configuration of the deployment; only where the server is, and how soon, is another matter here.
    const target = new URL(server.url).host;
    const config = read('deploy/prometheus/prometheus.yml')
      .replace('"127.0.0.1:8081"', `"${target}"`)
      .replaceAll(/_interval: \d+s/g, '_interval: 1s');
    assert.ok(config.includes(target) && config.includes('_interval: 1s'), config);
    writeFileSync(path.join(directory, 'prometheus.yml'), config);
    cpSync(path.join(ROOT, 'deploy/prometheus/alerts.yml'), path.join(directory, 'alerts.yml'));
    const listen = `127.0.0.1:${await freePort()}`;
    url = `http://${listen}`;
    children.push(
      spawn(
        'prometheus',
        [
          `--config.file=${directory}/prometheus.yml`,
          `--storage.tsdb.path=${directory}/data`,
          `--web.listen-address=${listen}`,
        ],
        { stdio: 'ignore' },
      ),
      spawn(loadtest(), ['room', '-n', '3', '--quiet', '-d', '120s', '--server', server.url], { stdio: 'ignore' }),
    );
    await eventually('Prometheus has seen the room for some seconds', async () => {
      // One look makes no rate, so it must have looked for as long as the queries reach back.
      const slots = 'switchyard_assigned_slots{worker="0"}[6s]';
      const seen = await query(`min_over_time(${slots}) > 0 and count_over_time(${slots}) >= 5`).catch(String);
      return Array.isArray(seen) && seen.length > 0 ? null : `the answer is ${JSON.stringify(seen)}`;
    });
  });

  after(async () => {
    for (const child of children) {
      if (child.exitCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    await server?.stop();
    if (directory) rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  });

  /** @param {string} expression @returns {Promise<{value: [number, string]}[]>} */
  async function query(expression) {
    const response = await fetch(`${url}/api/v1/query`, { method: 'POST', body: new URLSearchParams({ query: expression }) });
    const answer = await response.json();
    assert.equal(answer.status, 'success', `${expression}: ${answer.error}`);
    return answer.data.result;
  }

  test('promtool finds nothing to say about the metrics', async () => {
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    const promtool = spawnSync('promtool', ['check', 'metrics'], { input: metrics, encoding: 'utf8' });
    assert.equal(promtool.error, undefined);
    assert.deepEqual([promtool.status, promtool.stdout, promtool.stderr], [0, '', ''], metrics);
  });

  test('Prometheus finds the server up', async () => {
    const up = await query('up{job="switchyard"}');
    assert.deepEqual(up.map(({ value }) => value[1]), ['1']);
  });

  test('every panel of the dashboard has something to show', async () => {
    for (const { title, expr, datasource } of dashboardQueries()) {
      assert.equal(datasource.uid, 'prometheus', `${title} asks the data source that is provisioned`);
      const result = await query(expr.replaceAll('$__rate_interval', '5s'));
      assert.ok(result.length > 0, `“${title}” is empty: ${expr}`);
      assert.ok(!expr.replaceAll('$__rate_interval', '').includes('$'), `${title}: nothing fills in ${expr}`);
    }
    const [sent] = await query('sum(rate(switchyard_sent_packets_total{kind="video"}[5s]))');
    assert.ok(Number(sent?.value[1]) > 10, `video is forwarded: ${JSON.stringify(sent)}`);
  });

  test('every metric and label of the alerts is there, and nobody is alarmed', async () => {
    /** @type {{groups: {rules: {name: string, query: string, health: string, state: string, lastError?: string}[]}[]}} */
    let rules = { groups: [] };
    await eventually('all rules have been evaluated', async () => {
      rules = (await (await fetch(`${url}/api/v1/rules`)).json()).data;
      const waiting = rules.groups.flatMap(({ rules }) => rules).filter(({ health }) => health === 'unknown');
      return rules.groups.length > 0 && waiting.length === 0 ? null : `${waiting.length} wait`;
    });
    const all = rules.groups.flatMap(({ rules }) => rules);
    assert.ok(all.length >= 5, `only ${all.length} rules were found`);
    for (const rule of all) {
      assert.deepEqual([rule.health, rule.lastError], ['ok', undefined], `${rule.name}: ${rule.lastError}`);
      assert.notEqual(rule.state, 'firing', rule.name);
      // What is compared must be there: an alert on a metric that does not exist never rings.
      for (const side of rule.query.split(' or ')) {
        const compared = side.replace(/(==|>|<)[^=<>]*$/, '').replaceAll('[5m]', '[5s]');
        const result = await query(compared);
        assert.ok(result.length > 0, `${rule.name} compares nothing: ${compared}`);
      }
    }
  });

  test('the reference of metrics names every one, and no other', async () => {
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    const served = new Set([...metrics.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`));
    const documented = new Set(
      [...read('docs/operations.md').matchAll(/^\| `((?:switchyard|process)_\w+)`[^|]*\| (\w+) /gm)].map(([, name, type]) => `${name} ${type}`),
    );
    assert.deepEqual([...documented].sort(), [...served].sort());
  });
});

describe('the files of the deployment', () => {
  test('Prometheus takes its configuration', async () => {
    const check = await promisify(execFile)('promtool', ['check', 'config', 'deploy/prometheus/prometheus.yml'], { cwd: ROOT });
    assert.match(check.stdout, /SUCCESS: \d+ rules found/);
  });

  test('they are clean YAML', async () => {
    const files = ['docker-compose.yml', 'deploy'];
    const rules = '{extends: relaxed, rules: {line-length: disable}}';
    const lint = spawnSync('yamllint', ['--strict', '-d', rules, ...files], { cwd: ROOT, encoding: 'utf8' });
    assert.deepEqual([lint.error, lint.status, lint.stdout], [undefined, 0, '']);
  });

  test('what the composition mounts and builds from is there, and where the others look for it', () => {
    const compose = read('docker-compose.yml');
    const named = [...compose.matchAll(/(?:- |dockerfile: )(\.\/)?(deploy\/[\w./-]+)/g)].map(([, , file]) => file ?? '');
    assert.ok(named.length >= 4, `only ${named}`);
    for (const file of named) assert.ok(existsSync(path.join(ROOT, file)), file);
    const provider = read('deploy/grafana/provisioning/dashboards/switchyard.yml');
    const mounted = /\.\/deploy\/grafana\/dashboards:(\S+):ro/.exec(compose)?.[1];
    assert.ok(mounted && provider.includes(`path: ${mounted}\n`), `the dashboards are mounted at ${mounted}`);
    assert.ok(compose.includes(`HOME_DASHBOARD_PATH: ${mounted}/${path.basename(DASHBOARD)}\n`));
    assert.match(read('deploy/grafana/provisioning/datasources/prometheus.yml'), /uid: prometheus\n/);
    // One address for metrics: the server's, Prometheus' target, and the link in the comment.
    const address = /SWITCHYARD_METRICS_LISTEN: (\S+)/.exec(compose)?.[1];
    assert.ok(address && read('deploy/prometheus/prometheus.yml').includes(`"${address}"`), `metrics are at ${address}`);
    assert.match(compose, /web\.listen-address=127\.0\.0\.1:9090/);
  });

  test('the image is built from what is there, and runs as nobody in particular', async () => {
    const stages = read('deploy/Dockerfile').split(/^FROM /m).slice(1);
    assert.equal(stages.length, 2);
    const context = mkdtempSync(path.join(tmpdir(), 'switchyard-image-'));
    try {
      const copied = [...(stages[0] ?? '').matchAll(/^COPY (.+) (\S+)$/gm)];
      assert.ok(copied.length > 0);
      for (const [, sources = '', target = ''] of copied) {
        for (const source of sources.split(' ')) {
          const into = path.join(context, target.endsWith('/') ? path.join(target, source) : target);
          mkdirSync(path.dirname(into), { recursive: true });
          cpSync(path.join(ROOT, source), into, {
            recursive: true,
            filter: (file) => !/\/(target|node_modules|artifacts)(\/|$)/.test(file.slice(ROOT.length)),
          });
        }
      }
      assert.ok(readdirSync(context).includes('Cargo.lock'));
      // Cargo finds every package and target of the workspace in what was copied.
      const metadata = await promisify(execFile)('cargo', ['metadata', '--locked', '--offline', '--no-deps', '--format-version', '1'], {
        cwd: context,
        maxBuffer: 1 << 26,
      });
      const command = /^RUN (cargo build .*)$/m.exec(stages[0] ?? '')?.[1] ?? '';
      assert.match(command, /--release --locked --package signaling --bin switchyard$/);
      const { targets } = JSON.parse(metadata.stdout).packages.find((/** @type {{name: string}} */ { name }) => name === 'signaling');
      assert.ok(targets.some((/** @type {{name: string, kind: string[]}} */ { name, kind }) => name === 'switchyard' && kind.includes('bin')));
    } finally {
      rmSync(context, { recursive: true, force: true });
    }
    const [, last = ''] = stages;
    assert.match(last, /^COPY --from=build \/src\/target\/release\/switchyard /m);
    assert.match(last, /^USER (?!0|root)\w+$/m);
    assert.match(last, /^ENTRYPOINT \["switchyard"\]$/m);
  });
});
