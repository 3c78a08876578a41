/** What judges images and commits, and the reconcilers of the policies that it judges by. Nothing is decided here. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trustpolicies } from './api/trust-policy.ts';
import { type Config, flags } from './config.ts';
import type { Caches } from './kube/caches.ts';
import type { Client } from './kube/client.ts';
import type { Controller, Reconcile } from './kube/controller.ts';
import type { EventRecorder } from './kube/events.ts';
import type { Registry } from './registry/registry.ts';
import type { Log } from './telemetry/log.ts';
import { beforeScrape } from './telemetry/metric-table.ts';
import { createClusterSources } from './trust/cluster-sources.ts';
import { createTrust } from './trust/create-trust.ts';
import { discover } from './trust/discovery.ts';
import { createDiscoveryReconciler } from './trust/discovery-reconciler.ts';
import { TrustFigures } from './trust/figures.ts';
import { type ImageVerifier, createImageVerifier } from './trust/image-verifier.ts';
import { PolicyBook } from './trust/policy-book.ts';
import { projectPolicy } from './trust/projection.ts';
import { createPolicyReconciler } from './trust/reconciler.ts';
import type { Sources } from './trust/sources.ts';
import type { Trust } from './trust/trust.ts';
import { createTrustedRoots } from './trust/trusted-root.ts';
import { Uses } from './trust/uses.ts';
import { watchPolicies } from './trust/watch.ts';

export interface TrustParts {
  client: Client;
  caches: Caches;
  registry: Registry;
  events: EventRecorder;
  log: Log;
  now: () => number;
  make: (name: string, concurrency: number, reconcile: Reconcile) => Controller;
}

export interface ComposedTrust {
  trust: Trust;
  verifier: ImageVerifier;
  /** None of them started. Every process reads the policies, because every one judges. */
  controllers: Controller[];
  /** What a Secret of the operator's namespace holds; undefined when it is certain that there is none. */
  readSecret: Sources['secret'];
  /** Ends the thread that judges, and timers. */
  stop(): Promise<void>;
}

/** What of the flags it goes by. */
export type TrustConfig = Pick<Config, 'namespace' | 'shard-selector' | 'trust-directory'>;

export function composeTrust(config: TrustConfig, parts: TrustParts): ComposedTrust {
  const { client, caches, registry, events, log, now, make } = parts;
  const policies = caches.add(trustpolicies, projectPolicy);
  const book = new PolicyBook({ policies });
  const uses = new Uses();
  const figures = new TrustFigures();
  const verifier = createImageVerifier({ registry, now, log });
  const trust = createTrust({ book, verifier, figures, uses, now });
  const roots = createTrustedRoots({
    cacheDirectory: config['trust-directory'] || join(tmpdir(), 'scantling-trust'),
    now,
    log,
  });
  // Of several controllers with a selector each, the one without says what was read.
  const speaks = config['shard-selector'] === flags['shard-selector'].default;
  const sources = createClusterSources({ client, namespace: config.namespace, trustedRoot: from => roots.read(from) });
  const wake = (name: string): void => reading.enqueue(name);
  const policy = createPolicyReconciler({ client, book, sources, roots, uses, figures, events, now, wake, speaks });
  const reading: Controller = make('trust', 2, policy.reconcile);
  watchPolicies({ policies, trust }, wake);
  const controllers = [reading];
  if (speaks) {
    const found = createDiscoveryReconciler({ client, book, discover, events, now });
    const discovery = make('discovery', 2, found.reconcile);
    watchPolicies({ policies, trust }, name => discovery.enqueue(name));
    controllers.push(discovery);
  }
  beforeScrape(() => figures.show(policies.list(), now()));
  return {
    trust,
    verifier,
    controllers,
    readSecret: name => sources.secret(name),
    async stop() {
      trust.stop();
      await verifier.close();
    },
  };
}
