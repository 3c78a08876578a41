/** Every metric, in one table. Names of the runtime are controller-runtime's and client-go's, so that existing dashboards work. */
import { counter, entries, gauge, histogram, type MetricEntry } from './metric-table.ts';

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const minutes = [1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200];

/** Codes of HTTP that a server answers in the course of things, and no answer at all. */
const codes = 20;
const methods = 6;

export const metrics = {
  reconcileTotal: counter(
    'controller_runtime_reconcile_total',
    'Reconciles per controller and result (success, requeue, requeue_after, error).',
    ['controller', 'result'],
    ['controllers', 4],
  ),
  reconcileErrors: counter(
    'controller_runtime_reconcile_errors_total',
    'Reconciles that threw.',
    ['controller'],
    ['controllers'],
  ),
  reconcileSeconds: histogram(
    'controller_runtime_reconcile_time_seconds',
    'Duration of a reconcile.',
    { names: ['controller'], bound: ['controllers'] },
    seconds,
  ),
  activeWorkers: gauge('controller_runtime_active_workers', 'Workers at work.', ['controller'], ['controllers']),
  maxConcurrentReconciles: gauge(
    'controller_runtime_max_concurrent_reconciles',
    'Workers at most.',
    ['controller'],
    ['controllers'],
  ),
  workqueueDepth: gauge('workqueue_depth', 'Keys that wait.', ['name'], ['controllers']),
  workqueueAdds: counter('workqueue_adds_total', 'Keys added.', ['name'], ['controllers']),
  workqueueQueueSeconds: histogram(
    'workqueue_queue_duration_seconds',
    'How long a key waited.',
    { names: ['name'], bound: ['controllers'] },
    seconds,
  ),
  workqueueWorkSeconds: histogram(
    'workqueue_work_duration_seconds',
    'How long a key was worked on.',
    { names: ['name'], bound: ['controllers'] },
    seconds,
  ),
  workqueueRetries: counter('workqueue_retries_total', 'Keys added again with backoff.', ['name'], ['controllers']),
  restRequests: counter(
    'rest_client_requests_total',
    'Requests to the API server.',
    ['code', 'method', 'host'],
    [methods, codes],
  ),
  restSeconds: histogram(
    'rest_client_request_duration_seconds',
    'Duration of a request to the API server.',
    { names: ['verb', 'host'], bound: [methods] },
    seconds,
  ),
  leader: gauge('leader_election_master_status', '1 while this process leads.', ['name'], [1]),
  relists: counter(
    'scantling_reflector_relists_total',
    'Full lists, by resource and cause (start, gone, error, check).',
    ['resource', 'reason'],
    ['resources', 4],
  ),
  watchErrors: counter('scantling_reflector_errors_total', 'Failed lists and watches.', ['resource'], ['resources']),
  lastEventSeconds: gauge(
    'scantling_reflector_last_event_timestamp_seconds',
    'When the watch last brought an event or a bookmark (Unix time).',
    ['resource'],
    ['resources'],
  ),
  eventsDropped: counter(
    'scantling_events_dropped_total',
    'Kubernetes events that were dropped because the queue was full or the write failed.',
  ),
  loopLag: gauge('scantling_event_loop_lag_seconds', 'Longest stall of the event loop since the last scrape.'),
  sourceLastPoll: gauge(
    'scantling_source_last_poll_timestamp_seconds',
    'When the last poll succeeded (Unix time); before the first that did, when this process first tried.',
    ['source'],
    ['sources'],
  ),
  sourceInterval: gauge(
    'scantling_source_interval_seconds',
    'spec.interval, while the source is polled.',
    ['source'],
    ['sources'],
  ),
  sourceStalled: gauge(
    'scantling_source_stalled',
    '1 while a person must change something: its Stalled condition.',
    ['source'],
    ['sources'],
  ),
  gitRequests: counter(
    'scantling_git_requests_total',
    'Requests to Git servers; without an answer the code is error.',
    ['host', 'code'],
    ['gitHosts', codes],
  ),
  gitSeconds: histogram(
    'scantling_git_request_duration_seconds',
    'From a request to the head of its answer.',
    { names: ['host'], bound: ['gitHosts'] },
    seconds,
  ),
  sourcePolls: counter(
    'scantling_source_polls_total',
    'Polls per source and result (unchanged, changed, error).',
    ['source', 'result'],
    ['sources', 3],
  ),
  sourceFetchedBytes: counter(
    'scantling_source_fetched_bytes_total',
    'Bytes received from Git servers.',
    ['source'],
    ['sources'],
  ),
  webhookRequests: counter(
    'scantling_webhook_requests_total',
    'Calls of webhooks per source and result: accepted (polled), coalesced (a poll to come stands for it), ignored (not about the ref), refused (not proven), failed (the API server did not take it). Without a source: for none that takes calls.',
    ['source', 'result'],
    ['sources+1', 5],
  ),
  builds: counter(
    'scantling_builds_total',
    'Build attempts per result (succeeded, failed, retried) and builder.',
    ['result', 'builder'],
    [3, 3],
  ),
  buildSeconds: histogram(
    'scantling_build_duration_seconds',
    'From the begin of an attempt to its end, per result and builder.',
    { names: ['result', 'builder'], bound: [3, 3] },
    minutes,
  ),
  buildStepSeconds: histogram(
    'scantling_build_step_duration_seconds',
    'Duration of a part of a build: foundation (its steps, with pull and push), assemble (finish layers on top, with push).',
    { names: ['step'], bound: [2] },
    minutes,
  ),
  buildBytes: counter(
    'scantling_build_bytes_total',
    'Bytes of blobs of images: pushed, or reused because the registry has them. Finish layers, which come with the context, are not in it.',
    ['how'],
    [2],
  ),
  buildQueueSeconds: histogram(
    'scantling_build_queue_duration_seconds',
    'From the creation of a build to its begin.',
    { names: [], bound: [] },
    minutes,
  ),
  latestBuildFailed: gauge(
    'scantling_definition_latest_build_failed',
    '1 while the build of the present inputs has failed.',
    ['definition'],
    ['definitions'],
  ),
  buildUnfinishedSince: gauge(
    'scantling_definition_build_unfinished_since_timestamp_seconds',
    'When the build of the present inputs was asked for (Unix time), while it has not ended.',
    ['definition'],
    ['definitions'],
  ),
  definitionOutdated: gauge(
    'scantling_definition_outdated',
    '1 while the last good image is not built on the newest base that is known.',
    ['definition'],
    ['definitions'],
  ),
  definitionBaseSince: gauge(
    'scantling_definition_base_since_timestamp_seconds',
    'Age of the base: when the oldest build on the present base that is still there was asked for (Unix time).',
    ['definition'],
    ['definitions'],
  ),
  buildsKept: gauge(
    'scantling_builds_kept',
    'ImageBuilds that the last look at their history kept.',
    ['definition'],
    ['definitions'],
  ),
  buildsDeleted: counter('scantling_builds_deleted_total', 'ImageBuilds that were deleted because no history keeps them.'),
  manifestsPruned: counter(
    'scantling_registry_manifests_pruned_total',
    'Manifests that were deleted from registries with their builds.',
  ),
  registryRequests: counter(
    'scantling_registry_requests_total',
    'Requests to OCI registries.',
    ['host', 'method', 'code'],
    ['registries', methods, codes],
  ),
  registrySeconds: histogram(
    'scantling_registry_request_duration_seconds',
    'From a request to the head of its answer.',
    { names: ['host', 'method'], bound: ['registries', methods] },
    seconds,
  ),
  registriesConfigErrors: counter(
    'scantling_registries_config_errors_total',
    'Reads of registries.yaml that failed or found it wrong; the last good one stays in use.',
  ),
  poolNodes: gauge(
    'scantling_pool_nodes',
    'Nodes per pool and state (total, updated, staged, updating, unavailable, failed).',
    ['pool', 'state'],
    ['pools', 6],
  ),
  rolloutSeconds: histogram(
    'scantling_rollout_node_duration_seconds',
    'From cordon to uncordon of one node.',
    { names: ['pool'], bound: ['pools'] },
    minutes,
  ),
  poolHosts: gauge(
    'scantling_pool_hosts',
    'NodeTargets per pool and phase of the host, as its agent says (Idle, Staging, Staged, Rebooting, Failed, Unmanaged; Unknown before it says anything).',
    ['pool', 'phase'],
    ['pools', 7],
  ),
  poolVerdicts: gauge(
    'scantling_pool_verdicts',
    'NodeTargets per pool and verdict of the last boot (Succeeded, FellBack, FinalizeFailed, Unapplied, Unknown).',
    ['pool', 'verdict'],
    ['pools', 5],
  ),
  poolStalled: gauge(
    'scantling_pool_stalled',
    '1 while a person must act: its Stalled condition, with the reason (RolloutHalted, NodesFailed, NodeConflict or another).',
    ['pool', 'reason'],
    ['pools', 1],
  ),
  poolMoved: gauge(
    'scantling_pool_moved_timestamp_seconds',
    'When something last happened to a node of the pool: a target, a go-ahead, a cordon, a failure (Unix time).',
    ['pool'],
    ['pools'],
  ),
  poolAwaySince: gauge(
    'scantling_pool_away_since_timestamp_seconds',
    'Since when the node is cordoned that the pool has taken away the longest (Unix time); absent while none is.',
    ['pool'],
    ['pools'],
  ),
  poolOldestReport: gauge(
    'scantling_pool_oldest_report_timestamp_seconds',
    'The last report of the agent that has been silent the longest (Unix time, by the clock of its node).',
    ['pool'],
    ['pools'],
  ),
  agents: gauge('scantling_agents', 'NodeTargets per version of the agent that reports.', ['version'], ['versions']),
  certificateExpiry: gauge(
    'scantling_certificate_expiry_timestamp_seconds',
    'When the first certificate in a Secret or ConfigMap that is in use expires (Unix time).',
    ['object'],
    ['secrets'],
  ),
  traceSpans: counter(
    'scantling_trace_spans_total',
    'Spans of links of the chain per result (exported, failed, dropped), where tracing is on.',
    ['result'],
    [3],
  ),
  info: gauge(
    'scantling_info',
    '1, with the version, which program this is, and the Lease that a controller shares with its replicas.',
    ['version', 'program', 'lease'],
    [1],
  ),
  processStart: gauge('process_start_time_seconds', 'When the process began (Unix time).'),
  processCpu: counter('process_cpu_seconds_total', 'Time on processors, user and system.'),
  processMemory: gauge('process_resident_memory_bytes', 'Resident memory.'),
  heap: gauge('nodejs_heap_size_used_bytes', 'Memory of the JavaScript heap in use.'),
} as const;

/** What docs/metrics.md lists: all of the above. */
export const metricTable: readonly MetricEntry[] = entries;
