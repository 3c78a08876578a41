/**
 * The links of the chain as spans: pure. Every process finds the same ids for the same link from what it knows of the chain anyway, so that
 * nothing has to be passed on or stored: the trace is the commit, and a span that is told twice is the same span.
 */
import { createHash } from 'node:crypto';
import { commitOf } from '../api/revision.ts';

/** What is said of links, each as an attribute `scantling.<name>` of the span. */
export const linkAttributes = {
  source: 'SystemSource that followed the ref',
  definition: 'SystemDefinition that was rendered',
  build: 'ImageBuild',
  addon: 'SystemAddon of which a variant was made',
  builder: 'what made the foundation: Process or Job',
  digest: 'digest of the image',
  pool: 'SystemPool',
  node: 'Node',
  verdict: 'what the boot turned out to be',
} as const;

export type LinkAttribute = keyof typeof linkAttributes;

interface LinkKind {
  /** What the span stands for, from its start to its end. */
  meaning: string;
  /** Who tells it. */
  program: 'controller' | 'agent';
  attributes: readonly LinkAttribute[];
  /** Which link of a commit it is, beside its kind. */
  subject: readonly LinkAttribute[];
  parent?: string;
}

/** Every link, in the order of the chain. A parent is one whose span is there whenever the link is made. */
export const links = {
  fetch: {
    meaning: 'from the poll that found the commit to its documents being applied',
    program: 'controller',
    attributes: ['source'],
    subject: [],
  },
  render: {
    meaning: 'from the definition and its files to a pushed context and an ImageBuild; none where that build exists already',
    program: 'controller',
    attributes: ['definition', 'build'],
    subject: ['build'],
    parent: 'fetch',
  },
  foundation: {
    meaning: 'the steps that run commands; none where an equal foundation exists already',
    program: 'controller',
    attributes: ['definition', 'build', 'builder'],
    subject: ['build'],
    parent: 'render',
  },
  assemble: {
    meaning: 'finish layers, configs, manifests and index are put together',
    program: 'controller',
    attributes: ['definition', 'build', 'digest'],
    subject: ['build'],
    parent: 'render',
  },
  push: {
    meaning: 'the image is copied and pushed to the output repository, and read back',
    program: 'controller',
    attributes: ['definition', 'build', 'digest'],
    subject: ['build'],
    parent: 'render',
  },
  attest: {
    meaning: 'what is said of the image is put together: how it was made, and what its layers hold',
    program: 'controller',
    attributes: ['definition', 'build', 'digest'],
    subject: ['build'],
    parent: 'render',
  },
  sign: {
    meaning: 'signatures and statements are pushed, read back and verified',
    program: 'controller',
    attributes: ['definition', 'build', 'digest'],
    subject: ['build'],
    parent: 'render',
  },
  judge: {
    meaning: 'the image is judged by the trust policies',
    program: 'controller',
    attributes: ['definition', 'build', 'digest'],
    subject: ['build'],
    parent: 'render',
  },
  addon: {
    meaning:
      'a variant of an addon is made, pushed and read back, of files at the commit; none where its artifact exists already',
    program: 'controller',
    attributes: ['addon', 'digest'],
    subject: ['addon', 'digest'],
    parent: 'fetch',
  },
  target: {
    meaning: 'the pass that made the image the target of a pool',
    program: 'controller',
    attributes: ['pool', 'digest'],
    subject: ['pool', 'digest'],
    parent: 'fetch',
  },
  stage: {
    meaning: 'the host pulls and prepares the image, without effect on its next boot',
    program: 'agent',
    attributes: ['pool', 'node', 'digest'],
    subject: ['node', 'digest'],
    parent: 'target',
  },
  boot: {
    meaning: 'from the first order to reboot to the verdict; an error where the verdict is not Succeeded',
    program: 'agent',
    attributes: ['pool', 'node', 'digest', 'verdict'],
    subject: ['node', 'digest'],
    parent: 'target',
  },
} as const satisfies Record<string, LinkKind>;

export type LinkName = keyof typeof links;

/** A link that was made. */
export interface Link {
  link: LinkName;
  /** `main@sha1:<40 hex>`; without it there is no commit, and so no trace. */
  revision: string | undefined;
  /** Epoch ms. */
  start: number;
  end: number;
  attributes: Partial<Record<LinkAttribute, string>>;
  /** Why it counts as an error. */
  error?: string;
}

/** A link with the ids of OpenTelemetry: 32 and 16 hex digits. */
export interface LinkSpan extends Link {
  commit: string;
  traceId: string;
  spanId: string;
  parentId?: string;
}

/** The span of a link; undefined for one without a commit. */
export function spanOf(link: Link): LinkSpan | undefined {
  const commit = commitOf(link.revision);
  if (commit === undefined) return undefined;
  const traceId = commit.slice(0, 32);
  const { parent }: LinkKind = links[link.link];
  const ids = { traceId, attributes: link.attributes };
  return {
    ...link,
    commit,
    traceId,
    spanId: spanIdOf(link.link, ids),
    ...(parent === undefined ? {} : { parentId: spanIdOf(parent as LinkName, ids) }),
  };
}

function spanIdOf(name: LinkName, { traceId, attributes }: { traceId: string; attributes: Link['attributes'] }): string {
  const subject = links[name].subject.map(key => attributes[key] ?? '');
  return createHash('sha256')
    .update(JSON.stringify([traceId, name, ...subject]))
    .digest('hex')
    .slice(0, 16);
}
