/** Who may install the chart: what it asks the cluster for is no more than what Helm reads of its objects anyway, in each supported Helm. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { KubeObject } from '../../controller/api/meta.ts';
import { helm } from '../cluster/helm.ts';
import { kubectl } from '../cluster/kubectl.ts';
import { resourceOf } from '../cluster/manifests.ts';
import { type Api, startApi } from '../kube/api-fixture.ts';
import { supportedHelm, type HelmProgram } from '../tools/helm-versions.ts';
import { assertDocumented, failure } from './helm-cluster.ts';
import { chart, isHook, objectsOf, render } from './rendered-chart.ts';

const namespace = 'scantling-system';
const release = ['scantling', `--namespace=${namespace}`];
const values = { crds: { install: false } };
const writing = ['create', 'update', 'patch', 'delete'];
const rbac = 'rbac.authorization.k8s.io';

let api: Api;
before(async () => {
  api = await startApi({ apiServerFlags: ['--allow-privileged=true'] });
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  await asAdmin(['create', '--filename=-'], input);
});
after(() => api?.stop());

const asAdmin = async (args: readonly string[], input?: string): Promise<string> => {
  const options = { kubeconfig: api.cluster.adminKubeconfig };
  return (await kubectl(args, input === undefined ? options : { ...options, input })).stdout.trim();
};

interface Rule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

/** For the objects of the chart, each kind of which it may make, and read as `read` says. Helm keeps its records in Secrets. */
function rulesFor(objects: readonly KubeObject[], read: (kind: string, names: string[]) => string[] | undefined): Rule[] {
  const kinds = Map.groupBy(objects, object => `${object.apiVersion} ${object.kind}`);
  const rules = [...kinds.values()].flatMap(([first, ...rest]): Rule[] => {
    if (!first) return [];
    const { group, plural } = resourceOf(first);
    const resourceNames = read(
      first.kind,
      [first, ...rest].map(({ metadata }) => metadata.name),
    );
    const rule = { apiGroups: [group], resources: [plural] };
    return [
      { ...rule, verbs: group === rbac ? [...writing, 'bind', 'escalate'] : writing },
      { ...rule, verbs: ['get'], ...(resourceNames && { resourceNames }) },
    ];
  });
  return [...rules, { apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list', ...writing] }];
}

/** A kubeconfig of a ServiceAccount with these rights and no others. */
async function installer(name: string, rules: readonly Rule[]): Promise<string> {
  const role = { apiVersion: `${rbac}/v1`, kind: 'ClusterRole', metadata: { name }, rules };
  await asAdmin(['create', '--filename=-'], JSON.stringify(role));
  await asAdmin(['create', 'serviceaccount', name, '--namespace=default']);
  await asAdmin(['create', 'clusterrolebinding', name, `--clusterrole=${name}`, `--serviceaccount=default:${name}`]);
  return api.cluster.kubeconfigFor(await asAdmin(['create', 'token', name, '--namespace=default']));
}

/** The hooks that a release has when it was installed and upgraded like this. It is removed again. */
async function hooksOf(program: HelmProgram, kubeconfig: string, ...set: string[]): Promise<string[]> {
  const run = (args: readonly string[]) => helm(args, { program, kubeconfig, input: JSON.stringify(values) });
  const given = [chart, '--values=-', ...set];
  await run(['install', ...release, ...given]);
  await run(['upgrade', ...release, ...given]);
  const { stdout } = await run(['get', 'hooks', ...release]);
  await run(['uninstall', ...release, '--no-hooks']);
  // Nobody empties namespaces here.
  await asAdmin(['replace', '--raw=/api/v1/namespaces/scantling-agents/finalize', '--filename=-'], agentsNamespace);
  return objectsOf(stdout)
    .filter(isHook)
    .map(({ kind }) => kind)
    .toSorted();
}
const agentsNamespace = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'scantling-agents' },
  spec: { finalizers: [] },
});

const all = ['ClusterRole', 'ClusterRoleBinding', 'Job', 'Pod', 'Role', 'RoleBinding', 'ServiceAccount'];

describe('somebody who may do no more than the chart needs', () => {
  let reading: string;
  let narrow: string;
  before(async () => {
    const objects = await render(values);
    reading = await installer(
      'reading',
      rulesFor(objects, (kind, names) => (kind === 'Namespace' ? [...names, namespace] : undefined)),
    );
    narrow = await installer(
      'narrow',
      rulesFor(objects, (_, names) => names),
    );
  });

  for (const { program, minor } of supportedHelm()) {
    test(`installs and upgrades with Helm ${minor}, hooks included`, async () => {
      assert.deepEqual(await hooksOf(program, reading), all);
    });

    test(`is told by Helm ${minor} what else to set where each object is allowed by its name`, async () => {
      const args = ['install', ...release, chart, '--values=-'];
      const said = await failure(helm(args, { program, kubeconfig: narrow, input: JSON.stringify(values) }));
      assertDocumented(said, 'cannot get resource "clusterroles" in API group "rbac.authorization.k8s.io" at the cluster scope');
      assert.deepEqual(await hooksOf(program, narrow, '--set=hooks.withoutCluster=true'), all);
    });
  }
});
