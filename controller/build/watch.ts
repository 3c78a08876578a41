/** What wakes a build: itself, its Jobs and their pods, its definition, and another build whose foundation it waits for. */
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
}

/** Begins with all builds, the oldest first. Returns how to end it. */
export function watchBuilds({ builds, definitions, jobs, pods }: BuildStores, { enqueue, stop, left }: BuildWatcher): () => void {
  for (const { name } of builds.list().toSorted((a, b) => a.created - b.created)) enqueue(name);
  const wakeWaiting = (): void => {
    for (const { name } of builds.byIndex('waitsForFoundation', 'yes')) enqueue(name);
  };
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
      if (now && now.foundations.length !== before?.foundations.length) wakeWaiting();
      if (before?.phase === 'Building' && now?.phase !== 'Building') left();
    }),
    definitions.onChange((name, now, before) => {
      if (now?.latestBuild === before?.latestBuild) return;
      for (const build of builds.byIndex('definition', name)) enqueue(build.name);
    }),
    jobs.onChange((_, now, before) => {
      const name = (now ?? before)?.build;
      if (name) enqueue(name);
      if (!now || now.finished !== before?.finished) wakeWaiting();
    }),
    pods.onChange((_, now, before) => {
      const name = (now ?? before)?.build;
      if (name) enqueue(name);
    }),
  ];
  return () => {
    for (const end of ends) end();
  };
}
