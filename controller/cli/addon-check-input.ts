/** Which addons `addon check` is asked about, of files and of the cluster. */
import { readFile } from 'node:fs/promises';
import { parseAllDocuments } from 'yaml';
import { nodes } from '../api/core.ts';
import { StallingError, messageOf } from '../api/errors.ts';
import { nodetargets } from '../api/node-target.ts';
import { type SystemAddon, systemaddons } from '../api/system-addon.ts';
import { systempools } from '../api/system-pool.ts';
import { type AddonOffer, offerOf } from '../addon/choice.ts';
import type { ProfileEntry } from '../addon/profile.ts';
import type { Client } from '../kube/client.ts';
import { findObject } from '../kube/find-object.ts';
import { listAll } from '../kube/list-all.ts';
import { projectNode } from '../rollout/projection.ts';
import { matches } from '../rollout/select.ts';
import type { Invocation } from '../running.ts';
import type { AskingNode, CheckInput } from './addon-check-document.ts';
import { connect } from './cluster.ts';
import { entriesIn, readProfileFile } from './profile-file.ts';

export type AskedOf = Required<Omit<CheckInput, 'image'>>;

/** @throws StallingError `InvalidProfile`, `InvalidAddon`, each with where; what the cluster and the file system throw */
export async function readAsked(invocation: Invocation): Promise<AskedOf> {
  const { config } = invocation;
  const files = await Promise.all(config.addon.map(readAddonFile));
  const given = files.flat();
  const inFile = config.profile === '' ? undefined : await readProfileFile(config.profile);
  const asked = { asked: inFile ?? [], from: inFile ? config.profile : 'the image', addons: given, nodes: [] };
  if (given.length > 0 && config.pool === '' && config.node === '') return asked;
  const cluster = await connect(invocation, 'addon');
  try {
    const { client } = cluster;
    const own = new Set(given.map(({ name }) => name));
    const there = await listAll(client, systemaddons, offerOf);
    const addons = [...given, ...there.filter(({ name }) => !own.has(name))];
    return { ...asked, ...(await ofCluster(client, config, inFile)), addons };
  } finally {
    await cluster.close();
  }
}

/** What pool and nodes ask for. */
async function ofCluster(
  client: Client,
  { pool: named, node, profile }: Invocation['config'],
  inFile: readonly ProfileEntry[] | undefined,
): Promise<Pick<AskedOf, 'asked' | 'from' | 'nodes'>> {
  const target = node === '' || named !== '' || inFile ? undefined : await findObject(client, nodetargets, node);
  const name = named === '' ? (target?.spec.poolRef.name ?? '') : named;
  const pool = name === '' ? undefined : await findObject(client, systempools, name);
  if (name !== '' && !pool) throw new StallingError('InvalidProfile', `there is no SystemPool ${name}`);
  const from = inFile ? profile : pool ? `SystemPool/${name}` : node === '' ? 'the image' : `Node/${node}`;
  const asked = inFile ?? pool?.spec.addons ?? [];
  if (node !== '') {
    const found = await findObject(client, nodes, node);
    if (!found) throw new StallingError('InvalidProfile', `there is no Node ${node}`);
    return { asked, from, nodes: askingNodes([projectNode(found)]) };
  }
  const members = pool
    ? (await listAll(client, nodes, projectNode)).filter(({ labels }) => matches(pool.spec.nodeSelector, labels))
    : [];
  return { asked, from, nodes: askingNodes(members) };
}

function askingNodes(of: readonly ReturnType<typeof projectNode>[]): AskingNode[] {
  return of.flatMap(({ name, labels, addons }) => {
    const architecture = labels['kubernetes.io/arch'];
    if (addons === undefined || architecture === undefined) return [];
    const entries = entriesIn(addons, `the annotation scantling.dev/addons of Node ${name}`);
    return [{ node: name, platform: `linux/${architecture}`, entries }];
  });
}

/** SystemAddons of a file of YAML or JSON, or of a list of them. */
async function readAddonFile(path: string): Promise<AddonOffer[]> {
  const documents = parseAllDocuments(await readFile(path, 'utf8')).flatMap((document): unknown[] => {
    const [error] = document.errors;
    if (error) throw invalid(path, messageOf(error));
    const value = document.toJS({ maxAliasCount: 100 }) as { items?: unknown } | null;
    return Array.isArray(value?.items) ? value.items : [value];
  });
  const addons = documents.filter(isAddon);
  if (addons.length === 0) throw invalid(path, 'has no SystemAddon');
  return addons.map(addon => {
    try {
      return offerOf(addon);
    } catch (error) {
      throw invalid(path, `${addon.metadata.name} is no SystemAddon: ${messageOf(error)}`);
    }
  });
}

function isAddon(value: unknown): value is SystemAddon {
  const { kind, metadata, spec } = (typeof value === 'object' && value !== null ? value : {}) as {
    kind?: unknown;
    metadata?: { name?: unknown } | null;
    spec?: { variants?: unknown } | null;
  };
  return kind === systemaddons.kind && typeof metadata?.name === 'string' && Array.isArray(spec?.variants);
}

function invalid(path: string, why: string): StallingError {
  return new StallingError('InvalidAddon', `${path}: ${why}; it is what kubectl get addon -o yaml writes`);
}
