/** What wakes a build: itself, its Jobs and their pods, its definition, another build whose foundation it waits for, and a new kind of node. */
import { isDeepStrictEqual } from 'node:util';
import type { Store } from '../kube/store.ts';
import type { BuildView, DefinitionView, JobView, NodeView, PodView } from './projection.ts';

export interface BuildStores {
  /** With buildIndexes. */
  builds: Store<BuildView>;
  definitions: Store<DefinitionView>;
  /** With jobIndexes; of the operator's namespace. */
  jobs: Store<JobView>;
  pods: Store<PodView>;
  nodes: Store<NodeView>;
}

export interface BuildWatcher {
  enqueue: (name: string) => void;
  /** Whatever works on a build of that name, and is not of this uid, is to stop. */
  stop: (name: string, uid: string | undefined, why: string) => void;
  /** A build is known to have left its slot. */
  left: () => void;
  /** Something became of the foundation of this key, or of what a Job's label has of it. */
  changed: (key: string) => void;
}

/** Begins with all builds, the oldest first. Returns how to end it. */
export function watchBuilds(stores: BuildStores, { enqueue, stop, left, changed }: BuildWatcher): () => void {
  const { builds, definitions, jobs, pods, nodes } = stores;
  for (const { name } of builds.list().toSorted((a, b) => a.created - b.created)) enqueue(name);
  const ends = [
    builds.onChange((name, now, before) => {
      if (!now || now.deleting) stop(name, undefined, 'the ImageBuild was deleted');
      else if (now.canceled) stop(name, undefined, 'the build was canceled');
      else stop(name, now.uid, 'the ImageBuild was deleted');
      // Its own status writes must not wake it: what it waits for will, or its time.
      const asked =
        !now ||
        now.uid !== before?.uid ||
        now.requestedAt !== before.requestedAt ||
        now.generation !== before.generation ||
        now.canceled !== before.canceled;
      if (asked) enqueue(name);
      for (const { key } of now?.foundations ?? []) if (!before?.foundations.some(f => f.key === key)) changed(key);
      if (before?.phase === 'Building' && now?.phase !== 'Building') {
        left();
        // What its Jobs have made is no longer about to be said.
        for (const { key } of jobs.byIndex('build', before.uid)) changed(key);
      }
    }),
    definitions.onChange((name, now, before) => {
      if (now?.latestBuild === before?.latestBuild && isDeepStrictEqual(now?.signing, before?.signing)) return;
      for (const build of builds.byIndex('definition', name)) enqueue(build.name);
    }),
    jobs.onChange((_, now, before) => {
      const { build, key } = now ?? before ?? {};
      if (build) enqueue(build);
      if (key && (!now || now.finished !== before?.finished || now.deleting !== before.deleting)) changed(key);
    }),
    pods.onChange((_, now, before) => {
      const name = (now ?? before)?.build;
      if (name) enqueue(name);
    }),
    nodes.onChange((_, now, before) => {
      if (!now || now.architecture === before?.architecture) return;
      const same = nodes.list().filter(({ architecture }) => architecture === now.architecture);
      if (same.length > 1) return;
      // Also those that are looked at just now, and may have looked at the nodes before.
      for (const { name, phase } of builds.list()) if (!hasEnded(phase)) enqueue(name);
    }),
  ];
  return () => {
    for (const end of ends) end();
  };
}

function hasEnded(phase: BuildView['phase']): boolean {
  return phase === 'Succeeded' || phase === 'Failed' || phase === 'Canceled';
}
