/** A real Kubernetes control plane on free ports of the loopback address, in a directory of its own, gone when the test is. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Agent, fetch } from 'undici';
import { serverBinary } from '../tools/servers.ts';
import { auditFlags, callsVariable, leaveCalls } from './audit.ts';
import { createAuthority, issueCertificate } from './certificates.ts';
import { compactEtcd, etcdData, startEtcd } from './etcd.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { freePort, removeDirectory, type ServerProcess, startProcess, temporaryDirectory } from './processes.ts';

/** The controllers that make Deployments, Jobs, PodDisruptionBudgets, node lifecycle and garbage collection what they are in a cluster. */
const demoControllers = [
  'clusterrole-aggregation-controller',
  'daemonset-controller',
  'deployment-controller',
  'disruption-controller',
  'endpointslice-controller',
  'garbage-collector-controller',
  'job-controller',
  'namespace-controller',
  'node-lifecycle-controller',
  'pod-garbage-collector-controller',
  'replicaset-controller',
  'root-ca-certificate-publisher-controller',
  'serviceaccount-controller',
  'taint-eviction-controller',
  'ttl-after-finished-controller',
];

const defaultServiceRange = '10.0.0.0/24';

export interface ControlPlaneOptions {
  /** Names of kube-controller-manager's controllers, or `demo` for all that the demo needs. None: no kube-controller-manager. */
  controllers?: readonly string[] | 'demo';
  scheduler?: boolean;
  /** When a silent node is marked NotReady. Kubernetes' own defaults are 5 and 50 s; here 1 and 10 s, so that nobody waits. */
  nodeMonitor?: { periodSeconds?: number; graceSeconds?: number };
  /** Kept when given; otherwise a temporary one, removed by `stop`. */
  directory?: string;
  /**
   * Pods get their ServiceAccount's token, and none without a ServiceAccount: as in a cluster, where the controllers are there that make
   * both. Default false.
   */
  serviceAccountAdmission?: boolean;
  /** Addresses of Services, CIDR (default 10.0.0.0/24, to which nothing leads). The first is the API server's own, which its certificate is good for. */
  serviceRange?: string;
  /** Keeps an audit log of ServiceAccounts; default: when somebody waits for what was asked (audit.ts). */
  audit?: boolean;
  /** A test takes rights away to see what comes of it: what is refused then is no rule that is missing. */
  deliberateRefusals?: boolean;
  /** Releases are removed and installed again while their programs run, which so lose their roles for a time. */
  rolesComeAndGo?: boolean;
  /** Extra flags of kube-apiserver. */
  apiServerFlags?: readonly string[];
  /** Told what is being started. */
  log?: (line: string) => void;
}

export interface ControlPlane {
  /** https. */
  url: string;
  /** A file with the certificates that clients must trust, PEM. */
  caFile: string;
  certificateAuthority: string;
  /** What a proxy in front shows, so that clients need no other authority. */
  serverCertificate: { certificate: string; key: string };
  /** Of a user in system:masters. */
  adminToken: string;
  /** A path. */
  adminKubeconfig: string;
  directory: string;
  /** Writes a kubeconfig for a bearer token and returns its path. `url` defaults to the API server's own. */
  kubeconfigFor(token: string, url?: string): string;
  /** Kills the API server and starts it again on the same port and the same etcd; resolves when it is ready. */
  restartApiServer(): Promise<void>;
  stopApiServer(): Promise<void>;
  startApiServer(): Promise<void>;
  /** Forgets etcd's history up to now, so that a watch or continue token from before gets 410. Returns etcd's revision. */
  compactEtcd(): Promise<number>;
  /** Ends the API server and etcd, and keeps a copy of what etcd has; resolves when both run again. */
  saveEtcd(): Promise<void>;
  /** The same, with what was saved in the place of what etcd has: revisions go back to those of then. */
  restoreEtcd(): Promise<void>;
  /** The end of each server's output, for a message about something unexpected. */
  logs(): string;
  stop(): Promise<void>;
}

interface Plan {
  directory: string;
  etcdPort: number;
  etcdPeerPort: number;
  apiPort: number;
  tokens: { admin: string; system: string };
  options: ControlPlaneOptions;
}

const isAudited = ({ audit = process.env[callsVariable] !== undefined }: ControlPlaneOptions): boolean => audit;

const startApiServerProcess = ({ directory, etcdPort, apiPort, options }: Plan) =>
  startProcess({
    name: 'kube-apiserver',
    command: serverBinary('kube-apiserver'),
    args: [
      `--etcd-servers=http://127.0.0.1:${etcdPort}`,
      `--cert-dir=${directory}`,
      `--tls-cert-file=${join(directory, 'server.crt')}`,
      `--tls-private-key-file=${join(directory, 'server.key')}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${apiPort}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${join(directory, 'service-accounts.key')}`,
      `--service-account-signing-key-file=${join(directory, 'service-accounts.key')}`,
      `--service-cluster-ip-range=${options.serviceRange ?? defaultServiceRange}`,
      '--authorization-mode=RBAC,Node',
      ...(options.serviceAccountAdmission ? [] : ['--disable-admission-plugins=ServiceAccount']),
      // As some distributions do: it demands further rights of who sets owner references.
      '--enable-admission-plugins=OwnerReferencesPermissionEnforcement',
      ...(isAudited(options) ? auditFlags(directory) : []),
      // For the logs of pods: the names of the tests' nodes are in no DNS.
      '--kubelet-preferred-address-types=InternalIP',
      `--token-auth-file=${join(directory, 'tokens.csv')}`,
      '--profiling=false',
      '--shutdown-delay-duration=0s',
      ...(options.apiServerFlags ?? []),
    ],
    logFile: join(directory, 'kube-apiserver.log'),
  });

function startControllerManager({ directory, options }: Plan, kubeconfig: string): Promise<ServerProcess> {
  const controllers = options.controllers === 'demo' ? demoControllers : (options.controllers ?? []);
  const { periodSeconds = 1, graceSeconds = 10 } = options.nodeMonitor ?? {};
  return startProcess({
    name: 'kube-controller-manager',
    command: serverBinary('kube-controller-manager'),
    args: [
      `--kubeconfig=${kubeconfig}`,
      '--leader-elect=false',
      '--secure-port=0',
      `--service-account-private-key-file=${join(directory, 'service-accounts.key')}`,
      `--root-ca-file=${join(directory, 'ca.crt')}`,
      `--controllers=${controllers.join(',')}`,
      `--node-monitor-period=${periodSeconds}s`,
      `--node-monitor-grace-period=${graceSeconds}s`,
      `--node-startup-grace-period=${graceSeconds}s`,
      '--kube-api-qps=200',
      '--kube-api-burst=400',
    ],
    logFile: join(directory, 'kube-controller-manager.log'),
  });
}

const startScheduler = ({ directory }: Plan, kubeconfig: string) =>
  startProcess({
    name: 'kube-scheduler',
    command: serverBinary('kube-scheduler'),
    args: [`--kubeconfig=${kubeconfig}`, '--leader-elect=false', '--secure-port=0'],
    logFile: join(directory, 'kube-scheduler.log'),
  });

/** The address of the Service `kubernetes`, by which pods find the API server: the first of the range, as the API server takes it. */
export function apiServerAddress(serviceRange: string): string {
  return serviceRange.replace(/\.0\/\d+$/, '.1');
}

/** Keys, certificates and tokens of one control plane. */
function writeSecrets({ directory, tokens, options }: Plan): {
  certificateAuthority: string;
  serverCertificate: { certificate: string; key: string };
} {
  const authority = { commonName: 'scantling-test', ...createAuthority('scantling-test') };
  const service = apiServerAddress(options.serviceRange ?? defaultServiceRange);
  const names = ['127.0.0.1', 'localhost', service, 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
  const serverCertificate = issueCertificate(authority, names);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const users = [`${tokens.admin},admin,admin,"system:masters"`, `${tokens.system},control-plane,control-plane,"system:masters"`];
  const files = {
    'ca.crt': authority.certificate,
    'server.crt': serverCertificate.certificate,
    'server.key': serverCertificate.key,
    'service-accounts.key': privateKey.export({ type: 'sec1', format: 'pem' }).toString(),
    'tokens.csv': `${users.join('\n')}\n`,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text, { mode: 0o600 });
  return { certificateAuthority: authority.certificate, serverCertificate };
}

/**
 * Starts etcd and kube-apiserver, and what the options ask for beside them; resolves when the API server is ready.
 * @throws Error with the end of a server's output when one does not start. Nothing is left running then.
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const directory = options.directory ?? temporaryDirectory('cluster');
  mkdirSync(directory, { recursive: true });
  const plan: Plan = {
    directory,
    etcdPort: await freePort(),
    etcdPeerPort: await freePort(),
    apiPort: await freePort(),
    tokens: { admin: randomBytes(16).toString('hex'), system: randomBytes(16).toString('hex') },
    options,
  };
  const { certificateAuthority, serverCertificate } = writeSecrets(plan);
  const url = `https://127.0.0.1:${plan.apiPort}`;
  const processes = new Map<string, ServerProcess>();
  const http = new Agent({ connect: { ca: certificateAuthority } });
  let kubeconfigs = 0;
  let apiServers = 0;

  const kubeconfigFor = (token: string, server = url) => {
    const file = join(directory, `kubeconfig-${kubeconfigs++}.yaml`);
    writeKubeconfig(file, { url: server, certificateAuthority, token });
    return file;
  };
  const launch = async (name: string, starting: () => Promise<ServerProcess>) => {
    options.log?.(`starting ${name}`);
    const started = await starting();
    processes.set(name, started);
    return started;
  };
  const startApiServer = async () => {
    apiServers++;
    const server = await launch('kube-apiserver', () => startApiServerProcess(plan));
    const headers = { authorization: `Bearer ${plan.tokens.admin}` };
    await server.ready(async () => (await fetch(`${url}/readyz`, { dispatcher: http, headers })).status === 200);
  };
  const stopApiServer = async () => {
    const server = processes.get('kube-apiserver');
    server?.kill('SIGKILL'); // as a crash does: an orderly end waits for open watches
    await server?.exited;
  };
  const withoutEtcd = async (work: (data: ReturnType<typeof etcdData>) => void) => {
    await stopApiServer();
    const etcd = processes.get('etcd');
    etcd?.kill('SIGKILL');
    await etcd?.exited;
    work(etcdData(directory));
    await launch('etcd', () => startEtcd(plan));
    await startApiServer();
  };
  const stop = async () => {
    // Clients before servers, so that nothing logs or retries against what is already gone.
    for (const name of ['kube-scheduler', 'kube-controller-manager', 'kube-apiserver', 'etcd']) {
      const server = processes.get(name);
      server?.kill('SIGKILL');
      await server?.exited;
    }
    await http.destroy();
    if (isAudited(options) && processes.has('kube-apiserver'))
      await leaveCalls(directory, {
        count: !options.deliberateRefusals,
        // One that starts anew refuses what comes before it has read the roles.
        rolesComeAndGo: options.rolesComeAndGo === true || apiServers > 1,
      });
    if (options.directory === undefined) removeDirectory(directory);
  };

  try {
    await launch('etcd', () => startEtcd(plan));
    await startApiServer();
    const kubeconfig = kubeconfigFor(plan.tokens.system);
    if (options.controllers !== undefined)
      await launch('kube-controller-manager', () => startControllerManager(plan, kubeconfig));
    if (options.scheduler) await launch('kube-scheduler', () => startScheduler(plan, kubeconfig));
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    url,
    caFile: join(directory, 'ca.crt'),
    certificateAuthority,
    serverCertificate,
    adminToken: plan.tokens.admin,
    adminKubeconfig: kubeconfigFor(plan.tokens.admin),
    directory,
    kubeconfigFor,
    stopApiServer,
    startApiServer,
    restartApiServer: async () => {
      await stopApiServer();
      await startApiServer();
    },
    compactEtcd: () => compactEtcd(plan.etcdPort),
    saveEtcd: () => withoutEtcd(data => data.save()),
    restoreEtcd: () => withoutEtcd(data => data.restore()),
    logs: () => [...processes].map(([name, server]) => `--- ${name}\n${server.tail()}`).join('\n'),
    stop,
  };
}
