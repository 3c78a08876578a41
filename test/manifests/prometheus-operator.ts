/** The CRDs of the Prometheus operator's kinds that we ship objects of, from its own module. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { objectsOf } from '../cluster/dry-run.ts';
import type { CustomResourceDefinition } from '../cluster/manifests.ts';
import { goCommand } from '../tools/go-command.mjs';

const module = join(import.meta.dirname, '../tools/prometheus-operator');
const kinds = ['podmonitors', 'prometheusrules', 'servicemonitors'];

/**
 * In the version that the module pins, checked against its sum.
 * @returns why there are none, where Go or its proxy is not there
 * @throws Error instead where CI is set
 */
export function prometheusOperatorCrds(): CustomResourceDefinition[] | string {
  try {
    const text = execFileSync(goCommand(), ['mod', 'download', '-json', 'github.com/prometheus-operator/prometheus-operator'], {
      cwd: module,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, GOWORK: 'off', GOFLAGS: '' },
    });
    const { Dir } = JSON.parse(text) as { Dir: string };
    return kinds.flatMap(kind => {
      const file = join(Dir, `example/prometheus-operator-crd/monitoring.coreos.com_${kind}.yaml`);
      return objectsOf(readFileSync(file, 'utf8')) as CustomResourceDefinition[];
    });
  } catch (error) {
    if (process.env['CI']) throw error;
    return `the Prometheus operator's module cannot be had: ${error instanceof Error ? error.message : String(error)}`;
  }
}
