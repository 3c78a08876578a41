/** Which refs a genuine call says were pushed to: pure. It is only a hint, so what cannot be read counts as a push to any ref. */
import type { Call, Provider } from './webhook-signature.ts';

/** Full ref names; `any` when the call does not say. */
export type Pushed = 'any' | readonly string[];

/** Header that names the event, and the events that are pushes. Without the header the body decides. */
const pushEvents: Readonly<Record<Exclude<Provider, 'Generic'>, { header: string; events: readonly string[] }>> = {
  GitHub: { header: 'x-github-event', events: ['push'] },
  GitLab: { header: 'x-gitlab-event', events: ['Push Hook', 'Tag Push Hook', 'System Hook'] },
  Gitea: { header: 'x-gitea-event', events: ['push', 'create'] },
  Bitbucket: { header: 'x-event-key', events: ['repo:push', 'repo:refs_changed'] },
};

export function pushedRefs(provider: Provider, call: Call): Pushed {
  if (provider !== 'Generic') {
    const { header, events } = pushEvents[provider];
    const event = call.headers[header];
    if (typeof event === 'string' && !events.includes(event)) return [];
  }
  const payload = payloadOf(call);
  const refs = provider === 'Bitbucket' ? bitbucketRefs(payload) : refOf(payload);
  return refs ?? 'any';
}

/** Whether a source that follows `ref` is to be polled; a source that names a commit follows none. */
export function concerns(pushed: Pushed, ref: string | undefined): boolean {
  return ref !== undefined && (pushed === 'any' || pushed.includes(ref));
}

/** JSON, or a form with JSON in its field payload, which GitHub can be set to. Undefined when it is neither. */
function payloadOf({ headers, body }: Call): unknown {
  const text = Buffer.from(body).toString('utf8');
  const form = String(headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded');
  try {
    return JSON.parse(form ? (new URLSearchParams(text).get('payload') ?? '') : text);
  } catch {
    // Who signed it has pushed something; that it cannot be read costs one poll.
    return undefined;
  }
}

/** `ref` of GitHub, GitLab and Gitea. A short name may be a branch's or a tag's. */
function refOf(payload: unknown): string[] | undefined {
  const ref = field(payload, 'ref');
  if (typeof ref !== 'string') return undefined;
  return ref.startsWith('refs/') ? [ref] : [`refs/heads/${ref}`, `refs/tags/${ref}`];
}

/** Bitbucket Cloud has push.changes[].new (null for a deletion), Data Center changes[].ref.id. */
function bitbucketRefs(payload: unknown): string[] | undefined {
  const changes = field(field(payload, 'push'), 'changes') ?? field(payload, 'changes');
  if (!Array.isArray(changes)) return undefined;
  return changes.flatMap((change: unknown) => {
    const id = field(field(change, 'ref'), 'id');
    if (typeof id === 'string') return [id];
    const after = field(change, 'new') ?? field(change, 'old');
    const name = field(after, 'name');
    return typeof name === 'string' ? [`refs/${field(after, 'type') === 'tag' ? 'tags' : 'heads'}/${name}`] : [];
  });
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
