/** The part of the table of metrics (metrics.ts) that is about what runs the controllers, whatever they do. */
import { counter, gauge, histogram } from './metric-table.ts';

/** Bounds of histograms, of what answers at once. */
export const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Codes of HTTP that a server answers in the course of things, and no answer at all. */
export const codes = 20;
export const methods = 6;

export const runtimeMetrics = {
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
} as const;
