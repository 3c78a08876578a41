/** Every metric, in one table. Names of the runtime are controller-runtime's and client-go's, so that existing dashboards work. */
import { Counter, Gauge, Histogram, Registry } from '@prometheus-io/client';

export const registry = new Registry();

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const minutes = [1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200];

/** What docs/metrics.md lists; filled as the metrics below are made. */
export const metricTable: { name: string; type: 'counter' | 'gauge' | 'histogram'; labels: readonly string[]; help: string }[] =
  [];

function counter<L extends string = never>(name: string, help: string, labelNames: L[] = []): Counter<L> {
  metricTable.push({ name, type: 'counter', labels: labelNames, help });
  return new Counter({ name, help, labelNames, registers: [registry] });
}

function gauge<L extends string = never>(name: string, help: string, labelNames: L[] = []): Gauge<L> {
  metricTable.push({ name, type: 'gauge', labels: labelNames, help });
  return new Gauge({ name, help, labelNames, registers: [registry] });
}

function histogram<L extends string = never>(name: string, help: string, labelNames: L[], buckets: number[]): Histogram<L> {
  metricTable.push({ name, type: 'histogram', labels: labelNames, help });
  return new Histogram({ name, help, labelNames, buckets, registers: [registry] });
}

export const metrics = {
  reconcileTotal: counter(
    'controller_runtime_reconcile_total',
    'Reconciles per controller and result (success, requeue, requeue_after, error).',
    ['controller', 'result'],
  ),
  reconcileErrors: counter('controller_runtime_reconcile_errors_total', 'Reconciles that threw.', ['controller']),
  reconcileSeconds: histogram('controller_runtime_reconcile_time_seconds', 'Duration of a reconcile.', ['controller'], seconds),
  activeWorkers: gauge('controller_runtime_active_workers', 'Workers at work.', ['controller']),
  maxConcurrentReconciles: gauge('controller_runtime_max_concurrent_reconciles', 'Workers at most.', ['controller']),
  workqueueDepth: gauge('workqueue_depth', 'Keys that wait.', ['name']),
  workqueueAdds: counter('workqueue_adds_total', 'Keys added.', ['name']),
  workqueueQueueSeconds: histogram('workqueue_queue_duration_seconds', 'How long a key waited.', ['name'], seconds),
  workqueueWorkSeconds: histogram('workqueue_work_duration_seconds', 'How long a key was worked on.', ['name'], seconds),
  workqueueRetries: counter('workqueue_retries_total', 'Keys added again with backoff.', ['name']),
  restRequests: counter('rest_client_requests_total', 'Requests to the API server.', ['code', 'method', 'host']),
  restSeconds: histogram(
    'rest_client_request_duration_seconds',
    'Duration of a request to the API server.',
    ['verb', 'host'],
    seconds,
  ),
  leader: gauge('leader_election_master_status', '1 while this process leads.', ['name']),
  relists: counter('scantling_reflector_relists_total', 'Full lists, by resource and cause (start, gone, error, check).', [
    'resource',
    'reason',
  ]),
  watchErrors: counter('scantling_reflector_errors_total', 'Failed lists and watches.', ['resource']),
  lastEventSeconds: gauge(
    'scantling_reflector_last_event_timestamp_seconds',
    'When the watch last brought an event or a bookmark (Unix time).',
    ['resource'],
  ),
  eventsDropped: counter(
    'scantling_events_dropped_total',
    'Kubernetes events that were dropped because the queue was full or the write failed.',
  ),
  loopLag: gauge('scantling_event_loop_lag_seconds', 'Longest stall of the event loop since the last scrape.'),
  sourcePolls: counter('scantling_source_polls_total', 'Polls per source and result (unchanged, changed, error).', [
    'source',
    'result',
  ]),
  sourceFetchedBytes: counter('scantling_source_fetched_bytes_total', 'Bytes received from Git servers.', ['source']),
  webhookRequests: counter(
    'scantling_webhook_requests_total',
    'Calls of webhooks per source and result: accepted (polled), coalesced (a poll to come stands for it), ignored (not about the ref), refused (not proven), failed (the API server did not take it). Without a source: for none that takes calls.',
    ['source', 'result'],
  ),
  builds: counter('scantling_builds_total', 'Build attempts per result (succeeded, failed, retried) and builder.', [
    'result',
    'builder',
  ]),
  buildSeconds: histogram(
    'scantling_build_duration_seconds',
    'From the begin of an attempt to its end, per result and builder.',
    ['result', 'builder'],
    minutes,
  ),
  buildStepSeconds: histogram(
    'scantling_build_step_duration_seconds',
    'Duration of a part of a build: foundation (its steps, with pull and push), assemble (finish layers on top, with push).',
    ['step'],
    minutes,
  ),
  buildBytes: counter(
    'scantling_build_bytes_total',
    'Bytes of blobs of images: pushed, or reused because the registry has them. Finish layers, which come with the context, are not in it.',
    ['how'],
  ),
  buildQueueSeconds: histogram(
    'scantling_build_queue_duration_seconds',
    'From the creation of a build to its begin.',
    [],
    minutes,
  ),
  latestBuildFailed: gauge('scantling_definition_latest_build_failed', '1 while the build of the present inputs has failed.', [
    'definition',
  ]),
  buildUnfinishedSince: gauge(
    'scantling_definition_build_unfinished_since_timestamp_seconds',
    'When the build of the present inputs was asked for (Unix time), while it has not ended.',
    ['definition'],
  ),
  definitionOutdated: gauge(
    'scantling_definition_outdated',
    '1 while the last good image is not built on the newest base that is known.',
    ['definition'],
  ),
  definitionBaseSince: gauge(
    'scantling_definition_base_since_timestamp_seconds',
    'Age of the base: when the oldest build on the present base that is still there was asked for (Unix time).',
    ['definition'],
  ),
  buildsKept: gauge('scantling_builds_kept', 'ImageBuilds that the last look at their history kept.', ['definition']),
  buildsDeleted: counter('scantling_builds_deleted_total', 'ImageBuilds that were deleted because no history keeps them.'),
  manifestsPruned: counter(
    'scantling_registry_manifests_pruned_total',
    'Manifests that were deleted from registries with their builds.',
  ),
  registryRequests: counter('scantling_registry_requests_total', 'Requests to OCI registries.', ['host', 'method', 'code']),
  registriesConfigErrors: counter(
    'scantling_registries_config_errors_total',
    'Reads of registries.yaml that failed or found it wrong; the last good one stays in use.',
  ),
  poolNodes: gauge('scantling_pool_nodes', 'Nodes per pool and state (total, updated, staged, updating, unavailable, failed).', [
    'pool',
    'state',
  ]),
  rolloutSeconds: histogram('scantling_rollout_node_duration_seconds', 'From cordon to uncordon of one node.', ['pool'], minutes),
} as const;
