/** An agent on a fake host without an API server: what it is told and how its writes end is said by the test. */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Agent, type AgentOptions, createAgent } from '../../controller/agent/agent.ts';
import { createMemoryFile } from '../../controller/agent/memory-file.ts';
import { createHostCredentials } from '../../controller/agent/pull-secret-file.ts';
import type { NodeTargetSpec } from '../../controller/api/node-target.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import type { FakeHost } from '../cluster/host/fake-host.ts';
import { drive, type TestImage } from './driven-host.ts';

export interface LoneAgentOptions extends Partial<AgentOptions> {
  /** What its node should run; without it there is no target. */
  image?: TestImage | undefined;
  /** How the API answers whatever is asked of it. */
  answer: () => Promise<never>;
}

/** Not yet started; it is stopped when the test ends. */
export function loneAgent(t: TestContext, fake: FakeHost, { image, answer, ...options }: LoneAgentOptions): Agent {
  const target = image && { name: 'n', uid: 'u', resourceVersion: '1', generation: 1, spec: staged(image), retried: [] };
  const agent = createAgent({
    targets: {
      start: () => {},
      stop: () => Promise.resolve(),
      synced: () => Promise.resolve(),
      get: () => target,
      onChange: () => {},
    },
    client: { applyStatus: answer },
    host: drive(fake),
    credentials: createHostCredentials({ client: { get: answer }, namespace: 'scantling-agents', root: fake.root }),
    memory: createMemoryFile(join(fake.root, 'var/lib/scantling/agent/memory.json')),
    version: 'test',
    log: createLog('silent'),
    ...options,
  });
  t.after(() => agent.stop());
  return agent;
}

function staged({ image, digest, platform }: TestImage): NodeTargetSpec {
  return {
    poolRef: { name: 'p' },
    image,
    digests: [digest, platform],
    state: 'Staged',
    since: new Date(0).toISOString(),
  };
}
