/** What verifying commits costs: by form, of a line of history, and how long the loop stands still meanwhile. */
import { createMessage, generateKey, readPrivateKey, sign } from 'openpgp';
import type { GitAuthority } from '../../controller/trust/rules.ts';
import { ObjectStore, rules, ssh } from '../trust/commits/object-store.ts';
import { ed25519Key, rsaKey } from '../trust/commits/sshsig.ts';
import { withSignature } from '../trust/commits/with-signature.ts';
import type { Measure } from './measure.ts';

const commits = 200;
const history = 1_000;

export async function measureCommits(progress: (line: string) => void, watchLoop: () => () => number): Promise<Measure[]> {
  progress(`${commits} commits of each form`);
  const measures: Measure[] = [];
  for (const [form, key] of [
    ['SSH, Ed25519', ed25519Key()],
    ['SSH, RSA of 3,072 bits', rsaKey(3072)],
  ] as const) {
    const store = new ObjectStore();
    const oids = Array.from({ length: commits }, () => store.commit({ key }));
    measures.push({ measure: `commits verified, ${form}`, value: await perSecond(store, oids, ssh('team', [key])), unit: '/s' });
  }
  const { store, oids, authority } = await openPGPCommits();
  measures.push({ measure: 'commits verified, OpenPGP, Ed25519', value: await perSecond(store, oids, authority), unit: '/s' });
  return [...measures, ...(await measureAncestry(progress, watchLoop))];
}

async function perSecond(store: ObjectStore, oids: readonly string[], authority: GitAuthority): Promise<number> {
  const asked = rules([authority]);
  const begun = performance.now();
  for (const commit of oids) {
    const { decision, message } = await store.verify({ rules: asked, commit });
    if (decision !== 'Trusted') throw new Error(message);
  }
  return oids.length / ((performance.now() - begun) / 1000);
}

async function openPGPCommits(): Promise<{ store: ObjectStore; oids: string[]; authority: GitAuthority }> {
  const date = new Date('2026-01-01T00:00:00Z');
  const { privateKey, publicKey } = await generateKey({ userIDs: [{ name: 'Bench', email: 'bench@example.com' }], date });
  const signingKeys = await readPrivateKey({ armoredKey: privateKey });
  const store = new ObjectStore();
  const oids: string[] = [];
  for (let i = 0; i < commits; i++) {
    const bytes = store.bytes({ message: `commit ${i}` });
    const message = await createMessage({ binary: bytes });
    const armored = await sign({ message, signingKeys, detached: true, date: new Date('2026-03-02T00:00:00Z') });
    oids.push(store.add('commit', withSignature(bytes, Buffer.from(armored.replaceAll('\r\n', '\n')))));
  }
  return { store, oids, authority: { policy: 'p', name: 'openpgp', kind: 'openPGP', keys: [publicKey] } };
}

async function measureAncestry(progress: (line: string) => void, watchLoop: () => () => number): Promise<Measure[]> {
  progress(`Ancestry over ${history} commits`);
  const key = ed25519Key();
  const store = new ObjectStore();
  const oids = store.line(Array.from({ length: history + 1 }, () => key));
  const stalled = watchLoop();
  const begun = performance.now();
  const judgement = await store.verify({
    rules: rules([ssh('team', [key])]),
    mode: 'Ancestry',
    commit: oids.at(-1) ?? '',
    verified: oids[0] ?? '',
  });
  const took = performance.now() - begun;
  if (judgement.decision !== 'Trusted') throw new Error(judgement.message);
  return [
    { measure: `Ancestry over ${history} commits`, value: took, unit: 'ms' },
    { measure: 'loop stall meanwhile', value: stalled(), unit: 'ms', budget: 50 },
  ];
}
