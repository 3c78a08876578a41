/** The definition that installs the packages of a variant: what it is, and what an addon makes of its status. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  installedBy,
  isOutdated,
  packagesDefinition,
  packagesName,
  requireOwn,
} from '../../controller/addon/packages-definition.ts';
import type { SystemAddonSpecVariant } from '../../controller/api/system-addon.ts';
import type { SystemDefinition, SystemDefinitionSpec, SystemDefinitionStatus } from '../../controller/api/system-definition.ts';
import type { ObjectMeta } from '../../controller/api/meta.ts';
import { approveBase, requestedAt, sourceLabel } from '../../controller/api/names.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const packages = {
  base: { image: 'registry.example/base:12', update: 'Always' as const },
  manager: 'apt' as const,
  install: ['greeter'],
  repositories: [{ name: 'tools', url: 'https://packages.example/', suite: './', gpgCheck: false }],
};
const variant: SystemAddonSpecVariant = { platform: 'linux/amd64', os: { id: 'debian', versionId: '12' }, source: { packages } };
const addon: Parameters<typeof packagesDefinition>[0] = {
  apiVersion: 'scantling.dev/v1alpha1',
  kind: 'SystemAddon',
  metadata: {
    name: 'greeter',
    uid: 'u',
    labels: { team: 'a', [sourceLabel]: 'fleet' },
    annotations: { [requestedAt]: 'now', [approveBase]: digest, other: 'x' },
  },
  spec: {
    suspend: false,
    pullSecretRef: { name: 'pull' },
    output: { repository: 'registry.example/addons/greeter', pushSecretRef: { name: 'push' } },
    interval: '1h',
  },
};
const wanted = packagesDefinition(addon, variant, packages);

const status: SystemDefinitionStatus = {
  lastHandledReconcileAt: 'now',
  image: `registry.example/addons/greeter@${digest}`,
  base: { image: 'registry.example/base:12', digest },
};
const condition = (type: string, is: 'True' | 'False', message: string) => ({
  type,
  status: is,
  observedGeneration: 1,
  reason: 'Any',
  message,
  lastTransitionTime: '2026-01-01T00:00:00Z',
});
const history = { successful: 9, failed: 2, prune: 'None' as const, gracePeriod: '24h' };
const found = (
  change: { spec?: Partial<SystemDefinitionSpec>; metadata?: Partial<ObjectMeta>; status?: SystemDefinitionStatus } = {},
): SystemDefinition => ({
  ...wanted,
  metadata: { ...wanted.metadata, generation: 1, ...change.metadata },
  spec: { ...wanted.spec, history, ...change.spec },
  status: { ...status, ...change.status },
});
const ready = [condition('Ready', 'True', 'made')];

describe('the definition of packages', () => {
  it('has all that the addon says of how, and nothing else', () => {
    assert.deepEqual(wanted.metadata, {
      name: packagesName('greeter', variant),
      labels: { team: 'a', 'scantling.dev/addon': 'greeter' },
      annotations: { [requestedAt]: 'now', [approveBase]: digest },
      ownerReferences: [{ apiVersion: addon.apiVersion, kind: 'SystemAddon', name: 'greeter', uid: 'u', controller: true }],
    });
    assert.deepEqual(wanted.spec, {
      base: { ...packages.base, pullSecretRef: { name: 'pull' }, interval: '1h' },
      packages: { manager: 'apt', install: ['greeter'], repositories: [{ ...packages.repositories[0], keep: false }] },
      platforms: ['linux/amd64'],
      output: addon.spec.output,
      build: { timeout: '30m', suspend: false, lint: 'Off' },
    });
  });

  it('is called by what the variant is for, not by where it stands', () => {
    const other = { ...variant, os: { id: 'debian', versionId: '13' } };
    assert.notEqual(packagesName('greeter', other), packagesName('greeter', variant));
    assert.match(packagesName('greeter', { ...variant, source: {} }), /^greeter-packages-[0-9a-f]{8}$/);
    assert.equal(packagesName('greeter', { ...variant, source: {} }), packagesName('greeter', variant));
  });

  it('is written where it is not as wanted, but for how many builds are kept', () => {
    assert.equal(isOutdated(wanted, found()), false);
    assert.equal(isOutdated(wanted, found({ metadata: { labels: {} } })), true);
    assert.equal(isOutdated(wanted, found({ metadata: { annotations: { [requestedAt]: 'before' } } })), true);
    assert.equal(isOutdated(wanted, found({ spec: { files: [] } })), true);
  });

  it("is no other than the addon's own", () => {
    requireOwn(wanted, found());
    for (const metadata of [{ ownerReferences: [] }, { deletionTimestamp: '2026-01-01T00:00:00Z' }])
      assert.throws(() => requireOwn(wanted, found({ metadata })), { name: 'WaitingError', reason: 'PackagesNotOwned' });
  });
});

describe('what is installed', () => {
  it('is the image of a definition that is ready, and its base', () => {
    assert.deepEqual(installedBy(wanted, found({ status: { conditions: ready } })), {
      image: status.image,
      base: `registry.example/base@${digest}`,
    });
  });

  const waits: Readonly<Record<string, [Parameters<typeof found>[0], RegExp]>> = {
    'before it says anything': [{}, /has not said anything/],
    'of a change that it has not seen': [{ metadata: { generation: 2 }, status: { conditions: ready } }, /has not said anything/],
    'while a request is not heard': [
      { status: { conditions: ready, lastHandledReconcileAt: 'before' } },
      /has not said anything/,
    ],
    'while it builds': [
      { status: { conditions: [condition('Ready', 'False', 'is building: step 2')] } },
      /: is building: step 2$/,
    ],
  };
  for (const [what, [change, message]] of Object.entries(waits))
    it(`is waited for ${what}`, () => {
      assert.throws(() => installedBy(wanted, found(change)), { name: 'WaitingError', reason: 'PackagesBuilding', message });
    });

  it('is not there where a person has to do something', () => {
    const conditions = [condition('Ready', 'False', 'no builder'), condition('Stalled', 'True', 'no builder')];
    assert.throws(() => installedBy(wanted, found({ status: { conditions } })), {
      reason: 'PackagesFailed',
      message: /: no builder$/,
    });
    const changed = found({ spec: { files: [] }, status: { conditions: ready } });
    assert.throws(() => installedBy(wanted, changed), { reason: 'PackagesFailed', message: /changed by hand \(spec\.files\)/ });
  });
});
