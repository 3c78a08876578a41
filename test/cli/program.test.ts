/** The bundle as people run it: as a program, as a plugin of kubectl, and with its completion in a real shell. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import { stringify } from 'yaml';
import { defaultNamespace } from '../../controller/api/names.ts';
import { imagebuilds } from '../../controller/api/image-build.ts';
import { nodetargets } from '../../controller/api/node-target.ts';
import { systemdefinitions } from '../../controller/api/system-definition.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { systemsources } from '../../controller/api/system-source.ts';
import type { KubeObject } from '../../controller/api/meta.ts';
import type { Resource } from '../../controller/api/resource.ts';
import { flagsOf } from '../../controller/command-line.ts';
import { commands, isCommand } from '../../controller/commands.ts';
import { createClient } from '../../controller/kube/client.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { version } from '../../controller/version.ts';
import { startForwardProxy } from '../cluster/forward-proxy.ts';
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts';
import { install, resourceOf } from '../cluster/manifests.ts';
import { programFor } from '../cluster/program.ts';
import { serviceAccountToken } from '../cluster/service-account-tokens.ts';
import { serverBinary } from '../tools/servers.ts';
import { build, definition, pool, source, target } from './chain-fixture.ts';

const fieldManager = 'test';
const unreachable = {
  clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
  users: [{ name: 'u', user: { token: 't' } }],
  contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
  'current-context': 'x',
};

interface Ran {
  code: number;
  out: string;
  said: string;
}

describe('the program', () => {
  let plane: ControlPlane;
  let transport: Transport;
  let bundle: string;
  let viewer: string;
  before(async () => {
    const [, file = ''] = await programFor({ source: false });
    bundle = file;
    plane = await startControlPlane({ apiServerFlags: ['--allow-privileged=true'], deliberateRefusals: true });
    transport = new Transport({ kubeConfig: loadKubeConfig(plane.adminKubeconfig), userAgent: 'test' });
    const admin = createClient(transport);
    await install(admin, { without: ['DaemonSet'] });
    await put(systemsources, source());
    await put(systemdefinitions, definition());
    await put(imagebuilds, build('edge-b', 'b'));
    await put(systempools, pool());
    await put(
      nodetargets,
      target('node-1', 'a', 'b', { host: { phase: 'Idle', agentVersion: '0.1.0', reportedAt: new Date().toISOString() } }),
    );
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'viewer', namespace: defaultNamespace } };
    const binding = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'viewer' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'scantling-view' },
      subjects: [{ kind: 'ServiceAccount', name: 'viewer', namespace: defaultNamespace }],
    };
    for (const object of [account, binding]) await admin.create(resourceOf(object), object);
    viewer = plane.kubeconfigFor(await serviceAccountToken(transport, 'viewer'));
  });
  after(async () => {
    await transport.close();
    await plane.stop();
  });

  async function put<T extends KubeObject & { status?: object }>(resource: Resource<T>, object: T): Promise<void> {
    const { apiVersion, kind, metadata, ...rest } = object;
    const admin = createClient(transport);
    await admin.create(resource, { ...rest, apiVersion, kind, metadata: { name: metadata.name } } as T);
    await admin.mergePatch(resource, metadata.name, { status: object.status }, { fieldManager, subresource: 'status' });
  }

  function run(args: readonly string[], env: NodeJS.ProcessEnv = {}, program = bundle): Promise<Ran> {
    // As from a shell: the bundle's first line finds this very Node.
    const own = { HOME: plane.directory, PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter) };
    return new Promise(resolve => {
      execFile(program, args, { env: { KUBECONFIG: plane.adminKubeconfig, ...own, ...env } }, (error, out, said) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, out, said });
      });
    });
  }

  test('says its version fast, and without a cluster', async t => {
    const times: number[] = [];
    for (let i = 0; i < 3; i++) {
      const begin = performance.now();
      const { code, out } = await run(['version', '--client'], { KUBECONFIG: '/nowhere' });
      times.push(performance.now() - begin);
      assert.deepEqual([code, out], [0, `${version}\n`]);
    }
    t.diagnostic(`fastest of three: ${Math.round(Math.min(...times))} ms`);
    const { out } = await run(['version', '--client', '-o', 'json']);
    assert.equal(JSON.parse(out).client.version, version);
  });

  test('says what runs in the cluster', async () => {
    const { code, out, said } = await run(['version']);
    assert.equal(code, 0, said);
    assert.match(out, /^controller +.* \(0 of 0 ready, scantling/m);
    assert.match(out, /^agents +0\.1\.0 on 1 node$/m);
    assert.match(out, /^CRDs +v1alpha1 \(imagebuilds, nodetargets, /m);
    assert.match(out, /^Kubernetes +v1\./m);
    const document = JSON.parse((await run(['version', '-o', 'json'])).out);
    assert.deepEqual(Object.keys(document), ['kind', 'client', 'kubernetes', 'controllers', 'agents', 'crds']);
    const nobody = await run(['version', '--as', 'nobody']);
    assert.match(nobody.out, /^controller +may not be read\nagents +may not be read\nCRDs +may not be read\n/m);
    assert.match(nobody.out, /^not readable: controllers: .*cannot list/m);
    assert.equal(nobody.code, 3);
  });

  test('shows the chain, as words, JSON and YAML', async () => {
    const { code, out, said } = await run(['status']);
    assert.equal(code, 1, said);
    assert.match(out, /^In trouble: the controller, Node node-1; /);
    const { out: json } = await run(['status', '-o', 'json']);
    const document = JSON.parse(json);
    assert.deepEqual([document.kind, document.ok, document.pools[0].name], ['Status', false, 'edge']);
    assert.match((await run(['status', '-o', 'yaml'])).out, /^kind: Status\nok: false\n/);
    assert.match((await run(['status', 'pool/edge', '-o', 'wide'])).out, /edge +main@sha1:b{12}/);
    assert(!out.includes('\u001B'));
  });

  test('says why, also to who may only look', async () => {
    const { out, code, said } = await run(['why', 'node/node-1'], { KUBECONFIG: viewer });
    assert.equal(code, 0, said);
    assert.match(out, /^node-1 has not said what it runs; it is to run main@sha1:b{12}/);
    assert.match(out, /^ {2}SystemSource +systems +has applied main@sha1:b{12}/m);
    assert.equal(JSON.parse((await run(['why', 'pool/edge', '-o', 'json'])).out).kind, 'Why');
  });

  test('ends with the documented exit codes, and says what is wrong', async () => {
    const agent = plane.kubeconfigFor(await serviceAccountToken(transport, 'scantling-agent'));
    const stranger = plane.kubeconfigFor('no-such-token');
    const nowhere = join(plane.directory, 'nowhere');
    writeFileSync(nowhere, stringify(unreachable));
    const table: [string[], NodeJS.ProcessEnv, number, RegExp][] = [
      [['status', '--nonsense'], {}, 2, /^scantling: Unknown option '--nonsense' \(see scantling status --help\)\n$/],
      [['status', '--namespce', 'x'], {}, 2, /Unknown option '--namespce'; did you mean --namespace\? \(see/],
      [['stauts'], {}, 2, /"stauts" is no command; did you mean status\? \(see scantling --help\)/],
      [['nonsense'], {}, 2, /"nonsense" is no command/],
      [['trust', 'ad'], {}, 2, /"trust ad" is no command; did you mean trust add\?/],
      [['trust', 'add', '--root', '--prefix', 'a.example'], {}, 2, /--root and --prefix together/],
      [
        ['trust', 'revoke', 'a'.repeat(64)],
        { KUBECONFIG: viewer },
        3,
        /cannot create resource "trustpolicies".*scantling-trust-admin/,
      ],
      [['why'], {}, 2, /KIND\/NAME is missing/],
      [['why', 'pod/x'], {}, 2, /"pod\/x" is not KIND\/NAME/],
      [['status', '-o', 'xml'], {}, 2, /--output is table, wide, json, yaml/],
      [['why', 'pool/none'], {}, 1, /there is no SystemPool none; there are edge/],
      [['logs', 'none'], {}, 1, /there is no ImageBuild and no SystemDefinition none/],
      [['status', '--context', 'none'], {}, 3, /context "none" is not there; the contexts are scantling/],
      [['status', '--kubeconfig', '/nowhere'], {}, 3, /\/nowhere cannot be read/],
      [['status'], { KUBECONFIG: nowhere }, 3, /ECONNREFUSED.*does the cluster run/],
      [['status'], { KUBECONFIG: stranger }, 3, /does not know who you are \(401\)/],
      [
        ['status'],
        { KUBECONFIG: agent },
        3,
        /cannot list resource "(systemsources|systemdefinitions|imagebuilds|systempools)".*scantling-view/,
      ],
      [['status', '--as', 'nobody'], {}, 3, /User "nobody" cannot list .*; the ClusterRole scantling-view/],
      [['uninstall', '--as', 'nobody'], {}, 3, /cannot get resource "leases".*; none of the ClusterRoles/],
      [['status'], { KUBECONFIG: '/nowhere' }, 3, /\$KUBECONFIG names \/nowhere, which does not exist/],
      [['uninstall'], { KUBECONFIG: viewer }, 3, /cannot get resource "leases"/],
    ];
    await Promise.all(
      table.map(async ([args, env, code, message]) => {
        const ran = await run(args, env);
        assert.match(ran.said, message, args.join(' '));
        assert.equal(ran.code, code, `${args.join(' ')}: ${ran.said}`);
        assert.equal(ran.out, '', args.join(' '));
      }),
    );
  });

  test('is a plugin of kubectl', async (t: TestContext) => {
    const directory = join(plane.directory, 'plugins');
    mkdirSync(directory);
    symlinkSync(bundle, join(directory, 'kubectl-scantling'));
    const tool = kubectlOf(t);
    if (!tool) return;
    const path = [directory, dirname(process.execPath), process.env['PATH']].join(delimiter);
    const { code, out, said } = await run(['scantling', 'why', 'pool/edge'], { PATH: path }, tool);
    assert.match(out, /^SystemPool edge wants main@sha1:b{12}/, said);
    assert.equal(code, 0);
    symlinkSync(bundle, join(directory, 'kubectl_complete-scantling'));
    const completed = await run(['__complete', 'scantling', 'why', 'poo'], { PATH: path }, tool);
    assert.equal(completed.out, 'pool/\n:6\n', completed.said);
    const seconds = await run(['__complete', 'scantling', 'trust', 're'], { PATH: path }, tool);
    assert.equal(seconds.out, 'remove\nrevoke\n:4\n', seconds.said);
    const trusted = await run(['scantling', 'trust', 'list'], { PATH: path }, tool);
    assert.equal(trusted.out, 'There is no TrustPolicy: nothing is verified.\n', trusted.said);
    const failed = await run(['scantling', 'status'], { PATH: path }, tool);
    assert.equal(failed.code, 1, 'kubectl hands the exit code on');
  });

  test('takes the flags of kubectl that say which cluster, as whom, and for how long', async () => {
    const [server, token] = [plane.url, plane.adminToken];
    const other = join(plane.directory, 'flags.kubeconfig');
    const authority = Buffer.from(plane.certificateAuthority).toString('base64');
    const clusters = [
      { name: 'here', cluster: { server, 'certificate-authority-data': authority } },
      { name: 'away', cluster: { server: 'https://127.0.0.1:1', 'certificate-authority-data': authority } },
    ];
    const users = [
      { name: 'admin', user: { token } },
      { name: 'nobody', user: { token: 'none' } },
    ];
    const contexts = [{ name: 'c', context: { cluster: 'away', user: 'nobody' } }];
    writeFileSync(other, JSON.stringify({ apiVersion: 'v1', kind: 'Config', clusters, users, contexts, 'current-context': 'c' }));
    const why = (...flags: string[]) => run(['why', 'pool/edge', `--kubeconfig=${other}`, ...flags]);
    for (const flags of [
      ['--cluster=here', '--user=admin'],
      ['-s', server, `--token=${token}`],
      ['--cluster=here', '--user=admin', '--as=somebody', '--as-group=system:masters', '--as-group=system:authenticated'],
    ]) {
      const { code, said } = await why(...flags);
      assert.deepEqual([code, said], [0, ''], flags.join(' '));
    }
    const refused = await why('--cluster=here', '--user=admin', '--as=somebody');
    assert.equal(refused.code, 3);
    assert.match(refused.said, /somebody/);
    assert.match(
      (await why('--cluster=there')).said,
      /the kubeconfig's cluster "there" is not there; the clusters are away, here/,
    );
    assert.match((await why('--user=x')).said, /the users are admin, nobody/);
    assert.match((await why('--as-group=x')).said, /--as-group needs --as/);
  });

  test('goes through the proxy of the environment, unless the kubeconfig names one or NO_PROXY the server', async t => {
    const { hostname, port } = new URL(plane.url);
    const proxy = await startForwardProxy({ host: hostname, port: Number(port) });
    t.after(() => proxy.stop());
    const file = join(plane.directory, 'proxy.kubeconfig');
    const cluster = {
      server: 'https://api.example.com',
      'certificate-authority-data': Buffer.from(plane.certificateAuthority).toString('base64'),
      'tls-server-name': 'localhost',
    };
    const write = (more: object) =>
      writeFileSync(
        file,
        JSON.stringify({
          clusters: [{ name: 'c', cluster: { ...cluster, ...more } }],
          users: [{ name: 'u', user: { token: plane.adminToken } }],
          contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
          'current-context': 'x',
        }),
      );
    const why = (environment: Record<string, string>) => run(['why', 'pool/edge', `--kubeconfig=${file}`], environment);
    write({});
    const through = await why({ HTTPS_PROXY: proxy.url });
    assert.deepEqual([through.code, through.said], [0, '']);
    assert.ok(proxy.asked.length > 0 && proxy.asked.every(asked => asked === 'CONNECT api.example.com:443'), proxy.asked.join());
    proxy.asked.length = 0;
    const direct = await why({ HTTPS_PROXY: proxy.url, NO_PROXY: 'example.com' });
    assert.equal(direct.code, 3);
    assert.deepEqual(proxy.asked, []);
    write({ 'proxy-url': proxy.url });
    assert.equal((await why({ HTTPS_PROXY: 'http://127.0.0.1:1' })).code, 0);
  });

  test('completes in bash', async () => {
    const script = join(plane.directory, 'completion.bash');
    writeFileSync(script, (await run(['completion', 'bash'])).out);
    const complete = async (...words: string[]): Promise<string[]> => {
      const text = `source "${script}"; COMP_WORDS=(${words.map(w => `"${w}"`).join(' ')}); COMP_CWORD=${words.length - 1}; _scantling 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const { out, said, code } = await run(['--norc', '-c', text], {}, 'bash');
      assert.deepEqual([code, said], [0, '']);
      return out.split('\n').filter(Boolean);
    };
    assert.deepEqual(await complete('scantling', 'st'), ['status']);
    assert.deepEqual(await complete('scantling', 'why', 'po'), ['pool/', 'policy/']);
    assert.deepEqual(await complete('scantling', 'status', '--output', 'j'), ['json']);
    assert.deepEqual(await complete('scantling', 'status', '-o', 'w'), ['wide']);
    assert.deepEqual(await complete('scantling', 'uninstall', '--ch'), ['--check']);
    assert.deepEqual(await complete('scantling', 'completion', 'z'), ['zsh']);
    assert.deepEqual(await complete('scantling', 'tr'), ['trust']);
    assert.deepEqual(await complete('scantling', 'trust', 'ap'), ['approve']);
    assert.deepEqual(await complete('scantling', 'trust', 'add', '--subject', 'G'), ['Git']);
    assert.deepEqual(await complete('scantling', 'verify', 'commit', '--mo'), ['--mode']);
  });

  for (const shell of ['zsh', 'fish'])
    test(`has a completion that ${shell} can read`, async t => {
      const { out, code } = await run(['completion', shell]);
      assert.equal(code, 0);
      for (const command of Object.keys(commands).filter(isCommand)) {
        for (const word of command.split(' ')) assert(out.includes(word), command);
        for (const { name } of flagsOf(command)) assert(out.includes(name), `${command} ${name}`);
      }
      const found = (process.env['PATH'] ?? '').split(delimiter).find(d => existsSync(join(d, shell)));
      if (!found) {
        t.skip(`${shell} is not installed; only the words of its script are looked at`);
        return;
      }
      const file = join(plane.directory, `completion.${shell}`);
      writeFileSync(file, out);
      const read = await run(['-n', file], {}, join(found, shell));
      assert.deepEqual([read.code, read.said], [0, '']);
    });

  test('runs by itself, wherever it lies', async () => {
    chmodSync(bundle, 0o755);
    assert.equal((await run(['--version'])).out, `${version}\n`);
  });

  test('has help with examples for every command of people, and every flag in it', async () => {
    for (const command of Object.keys(commands).filter(isCommand)) {
      const { out, code } = await run(['help', command]);
      assert.equal(code, 0);
      assert.match(out, new RegExp(`^Usage: scantling ${command}`));
      for (const { name, flag } of flagsOf(command))
        assert(out.includes(`--${name}`) && flag.help.length > 10, `${command} --${name}`);
      if (!['controller', 'agent', 'build'].includes(command)) assert.match(out, /\nExamples:\n {2}/, command);
    }
    assert.match((await run(['--help'])).out, /scantling help COMMAND/);
  });
});

/** With CI set it must be there. */
function kubectlOf(t: TestContext): string | undefined {
  const file = serverBinary('kubectl');
  if (existsSync(file)) return file;
  assert(!process.env['CI'], 'kubectl is missing');
  t.skip('kubectl is not installed');
  return undefined;
}
