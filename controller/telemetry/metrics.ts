/** Every metric, in one table. Names of the runtime are controller-runtime's and client-go's, so that existing dashboards work. */
import { counter, entries, gauge, histogram, type MetricEntry } from './metric-table.ts';
import { codes, methods, runtimeMetrics, seconds } from './runtime-metrics.ts';

const minutes = [1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200];

export const metrics = {
  ...runtimeMetrics,
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
    'Duration of a part of a build: foundation (its steps, with pull and push), assemble (finish layers on top, with push), attest (what is said of the image is put together), sign (signatures and statements are pushed and read back), judge (by the trust policies).',
    { names: ['step'], bound: [5] },
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
  addonImages: counter(
    'scantling_addon_images_total',
    'Attempts to make the image of a variant of an addon, per result: built, refused (a person must change the source), failed (tried again).',
    ['result'],
    [3],
  ),
  addonImageSeconds: histogram(
    'scantling_addon_image_duration_seconds',
    'From an attempt to make the image of a variant to its end, with the wait for its turn, per result.',
    { names: ['result'], bound: [3] },
    minutes,
  ),
  addonImageBytes: counter(
    'scantling_addon_image_bytes_total',
    'Bytes of images of addons: pushed, or reused because the registry has them.',
    ['how'],
    [2],
  ),
  addonVariants: gauge(
    'scantling_addon_variants',
    'Variants per addon and state: asked (that the spec has), made (with the artifact of their present source), failed (without, and the status of the SystemAddon says why).',
    ['addon', 'state'],
    ['addons', 3],
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
    'NodeTargets per pool and phase of the host, as its agent says (Idle, Staging, Staged, Rebooting, Applying, Failed, Unmanaged; Unknown before it says anything).',
    ['pool', 'phase'],
    ['pools', 8],
  ),
  poolVerdicts: gauge(
    'scantling_pool_verdicts',
    'NodeTargets per pool and verdict of the last boot (Succeeded, FellBack, FinalizeFailed, Unapplied, AddonsFailed, Unknown).',
    ['pool', 'verdict'],
    ['pools', 6],
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
  poolAddonNodes: gauge(
    'scantling_pool_addon_nodes',
    'Nodes per pool and state of their addons: merged, partial (some of the set) and failed (none of it), as they were read back after the boot; held (kept from their addons, and the image with them, for a reason that status.addons.problems has). Absent for pools without addons.',
    ['pool', 'state'],
    ['pools', 4],
  ),
  poolAddonMissing: gauge(
    'scantling_pool_addon_missing_nodes',
    'Nodes per pool that are held because of this addon: it does not exist, has no variant for their system or no artifact yet, misses what it requires or collides with another. The 16 that most nodes of a pool wait for.',
    ['pool', 'addon'],
    ['pools', 16],
  ),
  agents: gauge('scantling_agents', 'NodeTargets per version of the agent that reports.', ['version'], ['versions']),
  certificateExpiry: gauge(
    'scantling_certificate_expiry_timestamp_seconds',
    'When the first certificate in a Secret or ConfigMap that is in use expires (Unix time).',
    ['object'],
    ['secrets'],
  ),
  trustVerifications: counter(
    'scantling_trust_verifications_total',
    'Judgements per governing policy, authority (as policy/name; none for what no authority has signed), form (Signature, Bundle, Attestation, OpenPGP, SSH; none likewise) and result (trusted, warned, refused, failed: could not be looked up). What was recorded and still stands is not counted.',
    ['policy', 'authority', 'form', 'result'],
    ['policies', 'authorities+1', 6, 4],
  ),
  trustPolicyMode: gauge(
    'scantling_trust_policy_mode',
    '1 for the mode that the policy is in (Enforce, Warn, Skip).',
    ['policy', 'mode'],
    ['policies', 1],
  ),
  trustRootAge: gauge(
    'scantling_trust_root_age_seconds',
    'Time since the oldest trusted root of the policy that comes by TUF was last fetched; absent where none does.',
    ['policy'],
    ['policies'],
  ),
  trustUntrustedNodes: gauge(
    'scantling_trust_untrusted_nodes',
    'Nodes per pool that run an image which trust does not allow.',
    ['pool'],
    ['pools'],
  ),
  trustUnjudgedNodes: gauge(
    'scantling_trust_unjudged_nodes',
    'Nodes per pool that run an image of which nobody can say whether trust allows it: nobody knows what index it is of, or signatures cannot be looked up.',
    ['pool'],
    ['pools'],
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
