/**
 * The test files that take longest on two cores, the longest first. Begun first, they run beside the short ones instead of after them;
 * a file that is not named is a short one. `npm test` ends with the times of its longest files: what is above the last one here belongs here.
 */
export const longestFirst: readonly string[] = [
  'test/install/helm.test.ts',
  'test/operations/trust-page.test.ts',
  'test/operations/drills.test.ts',
  'test/demo/demo.test.ts',
  'test/addon/packages.test.ts',
  'test/build/job-builder.test.ts',
  'test/handover/handover.test.ts',
  'test/preconditions/start.test.ts',
  'test/trust/revoked-mid-rollout.test.ts',
  'test/registry/faults.test.ts',
  'test/build/bad-inputs.test.ts',
  'test/manifests/helm-takeover.test.ts',
  'test/operations/restore.test.ts',
  'test/cli/uninstall.test.ts',
  'test/trust/revoked-with-two-keys.test.ts',
  'test/rollout/plan.property.test.ts',
  'test/tools/image.test.ts',
  'test/trust/cosign.test.ts',
  'test/cli/program.test.ts',
  'test/operations/addons-page.test.ts',
  'test/host-addons/agent.test.ts',
  'test/host-addons/killed.test.ts',
  'test/host-addons/trouble.test.ts',
  'test/host-addons/live.test.ts',
  'test/build/signing.test.ts',
  'test/source/reconciler-safety.test.ts',
  'test/demo/kills.test.ts',
  'test/build/restart.test.ts',
  'test/addon/killed.test.ts',
  'test/definition/following.test.ts',
  'test/source/reconciler.test.ts',
  'test/addon/reconciler.test.ts',
  'test/trust/refused-lookups.test.ts',
  'test/build/publish.test.ts',
  'test/build/foundation-steps.test.ts',
  'test/manifests/chart-values.test.ts',
  'test/build/process.test.ts',
  'test/agent/bootc-host.test.ts',
  'test/kube/reflector.test.ts',
  'test/rollout/pool.test.ts',
  'test/rollout/pool-trouble.test.ts',
  'test/definition/containerfile-buildah.test.ts',
  'test/agent/agent.test.ts',
  'test/build/retention-reconciler.test.ts',
  'test/build/events.test.ts',
  'test/cli/build.test.ts',
  'test/build/hostile.test.ts',
  'test/servers/control-plane.test.ts',
  'test/build/life.test.ts',
  'test/definition/reconciler.test.ts',
  'test/build/jobs-by-hand.test.ts',
  'test/definition/chaining.test.ts',
  'test/kube/leader.test.ts',
  'test/build/equal-trees.test.ts',
  'test/build/reconciler.test.ts',
  'test/servers/fault-proxy.test.ts',
];

/**
 * The files of which no two can run at once: an agent of a real node has a port of the machine's loopback address (`takeTurn` in
 * test/cluster/installation.ts). They are run one after the other beside the others, of which none waits for them.
 */
export const oneAtATime: ReadonlySet<string> = new Set([
  'test/install/helm.test.ts',
  'test/demo/installed.test.ts',
  'test/install/readme.test.ts',
]);

/** The files in the order in which they are begun: the long ones, then the others by name. */
export function inOrder(files: readonly string[]): string[] {
  const long = longestFirst.filter(file => files.includes(file));
  return [...long, ...files.filter(file => !long.includes(file)).toSorted()];
}
