/** `bootc status --json --format-version=1`: canonical JSON (sorted keys, one line, no newline), with the keys that each release has. */
import type { Deployment, HostState, ImageReference } from './state.ts';

export function statusDocument(state: HostState): string {
  const image = state.staged ?? state.booted;
  const status: Record<string, unknown> = {
    booted: entry(state, state.booted),
    staged: entry(state, state.staged),
    rollback: entry(state, state.rollback),
    rollbackQueued: state.rollbackQueued,
    type: state.booted && !state.booted.incompatible ? 'bootcHost' : null,
  };
  // usrOverlay came with 1.14.0 and readOnly with 1.16.7; `next` has a key that no release documents.
  if (state.version !== '1.12') {
    status['usrOverlay'] = state.usrOverlay ? { accessMode: 'readWrite', persistence: 'transient' } : null;
    status['readOnly'] = state.readOnly;
  }
  if (state.version === 'next') status['storage'] = { unified: false };
  return JSON.stringify(
    sorted({
      apiVersion: 'org.containers.bootc/v1',
      kind: 'BootcHost',
      metadata: { name: 'host' },
      spec: {
        bootOrder: state.rollbackQueued ? 'rollback' : 'default',
        image: image && !image.incompatible ? reference(image.reference) : null,
      },
      status,
    }),
  );
}

/** What `status` prints in a container and on a host that was not booted from an image. */
export function emptyDocument(version: HostState['version']): string {
  return statusDocument({
    version,
    architecture: 'amd64',
    booted: null,
    staged: null,
    rollback: null,
    rollbackQueued: false,
    usrOverlay: false,
    readOnly: false,
    boots: 0,
  });
}

function entry(state: HostState, deployment: Deployment | null): unknown {
  if (!deployment) return null;
  const { digest, version, timestamp } = deployment;
  return {
    cachedUpdate: null,
    composefs: null,
    downloadOnly: deployment.locked,
    image: deployment.incompatible
      ? null
      : { architecture: state.architecture, image: reference(deployment.reference), imageDigest: digest, timestamp, version },
    incompatible: deployment.incompatible,
    ostree: { checksum: deployment.checksum, deploySerial: deployment.serial, stateroot: 'default' },
    pinned: false,
    softRebootCapable: deployment === state.booted,
    store: 'ostreeContainer',
  };
}

function reference(r: ImageReference): unknown {
  return r.signature
    ? { image: r.image, signature: r.signature, transport: r.transport }
    : { image: r.image, transport: r.transport };
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => [k, sorted(v)]),
  );
}
