/** The etcd of one control plane: its process, its history and its data. */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fetch } from 'undici';
import { serverBinary } from '../tools/servers.ts';
import { type ServerProcess, startProcess } from './processes.ts';

export interface EtcdPlace {
  directory: string;
  etcdPort: number;
  etcdPeerPort: number;
}

export const startEtcd = ({ directory, etcdPort, etcdPeerPort }: EtcdPlace): Promise<ServerProcess> =>
  startProcess({
    name: 'etcd',
    command: serverBinary('etcd'),
    args: [
      `--data-dir=${join(directory, 'etcd')}`,
      `--listen-client-urls=http://127.0.0.1:${etcdPort}`,
      `--advertise-client-urls=http://127.0.0.1:${etcdPort}`,
      `--listen-peer-urls=http://127.0.0.1:${etcdPeerPort}`,
      `--initial-advertise-peer-urls=http://127.0.0.1:${etcdPeerPort}`,
      `--initial-cluster=default=http://127.0.0.1:${etcdPeerPort}`,
      '--log-level=warn',
      '--unsafe-no-fsync',
    ],
    logFile: join(directory, 'etcd.log'),
  });

function copy(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, { recursive: true });
}

/** The data of an etcd that does not run: all of it is in files of one directory. */
export function etcdData(directory: string) {
  const [now, saved] = [join(directory, 'etcd'), join(directory, 'etcd-saved')];
  return { save: () => copy(now, saved), restore: () => copy(saved, now) };
}

/** Forgets all revisions before the newest, and returns that. */
export async function compactEtcd(port: number): Promise<number> {
  const { header } = await etcdCall(port, '/v3/kv/range', { key: 'AA==' });
  await etcdCall(port, '/v3/kv/compaction', { revision: header.revision, physical: true });
  return Number(header.revision);
}

/** Etcd's own HTTP gateway for its gRPC calls. */
async function etcdCall(port: number, path: string, body: object): Promise<{ header: { revision: string } }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`etcd ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as { header: { revision: string } };
}
