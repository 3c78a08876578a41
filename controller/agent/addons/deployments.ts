/** Which deployments are on a host, by the directories that they boot from. */
import { listHostDirectory } from '../host-file.ts';
import { isDeployment } from './record.ts';

/** Their names in records. Empty where there is no such directory; throws whatever else keeps them from being listed. */
export async function deploymentsOn(root: string): Promise<string[]> {
  const found: string[] = [];
  for (const stateroot of (await listHostDirectory(root, 'ostree/deploy')) ?? []) {
    const names = (await listHostDirectory(root, `ostree/deploy/${stateroot}/deploy`)) ?? [];
    found.push(...names.map(name => name.replace(/\.\d+$/, '')));
  }
  found.push(...((await listHostDirectory(root, 'sysroot/state/deploy')) ?? []));
  return found.filter(isDeployment);
}
