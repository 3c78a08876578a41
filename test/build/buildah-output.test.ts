import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BuildahOutput } from '../../controller/build/buildah-output.ts';
import { createMask, secretsOf } from '../../controller/build/mask.ts';
import { parseDockerConfig } from '../../controller/registry/credentials.ts';

const asIs = (line: string): string => line;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** As buildah 1.28 writes it, both streams together. */
const failing = `STEP 1/3: FROM registry.example/base@sha256:00
STEP 2/3: RUN echo fine
fine
STEP 3/3: RUN echo before;     echo multi && exit 7
before
multi
subprocess exited with status 7
subprocess exited with status 7
Error: building at STEP "RUN echo before;     echo multi && exit 7": exit status 7
`;

test('the step, its exit code and its last lines are found, however the output is cut into chunks', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: failing.length }), { maxLength: 20 }), cuts => {
      const output = new BuildahOutput({ step: 'Containerfile', mask: asIs });
      const sorted = [0, ...cuts.toSorted((a, b) => a - b), failing.length];
      for (let i = 1; i < sorted.length; i++) output.push(bytes(failing.slice(sorted[i - 1], sorted[i])));
      const error = output.failure({ exitCode: 125, how: 'unknown' });
      assert.equal(error.step, '3/3: RUN echo before;     echo multi && exit 7');
      assert.equal(error.exitCode, 7);
      assert.equal(error.message, 'exit code 7: multi');
      assert.deepEqual(error.log.slice(0, 2), ['before', 'multi']);
      assert.equal(error.log.length, 5);
    }),
  );
});

test('each step is told of as it begins, masked', () => {
  const steps: string[] = [];
  const mask = createMask(['multi']);
  const output = new BuildahOutput({ step: 'Containerfile', mask, onStep: step => void steps.push(step) });
  output.push(bytes(failing));
  assert.deepEqual(steps, [
    '1/3: FROM registry.example/base@sha256:00',
    '2/3: RUN echo fine',
    '3/3: RUN echo before;     echo [masked] && exit 7',
  ]);
});

test('an end before the first step is told with the exit code of buildah itself', () => {
  const output = new BuildahOutput({ step: 'Containerfile', mask: asIs });
  output.push(bytes('Error: parsing main Dockerfile: unknown instruction: RUNN'));
  const error = output.failure({ exitCode: 125, how: 'unknown' });
  assert.deepEqual([error.step, error.exitCode, error.log.length], ['Containerfile', 125, 1]);
  assert.equal(error.message, 'exit code 125: parsing main Dockerfile: unknown instruction: RUNN');
});

test('a step that said nothing is told with its exit code alone, one that said much with its last line, cut', () => {
  for (const [said, words] of [
    ['', ''],
    ['one\n\n  E: Unable to locate package nosuch\n \n', ': E: Unable to locate package nosuch'],
    [`${'y'.repeat(500)}\n`, `: ${'y'.repeat(255)}…`],
  ]) {
    const output = new BuildahOutput({ step: 'Containerfile', mask: asIs });
    const added = 'subprocess exited with status 3\nError: building at STEP "RUN x": exit status 3\n';
    output.push(bytes(`STEP 2/2: RUN x\n${said}${added}`));
    assert.equal(output.failure({ exitCode: 1, how: 'unknown' }).message, `exit code 3${words}`);
  }
});

test('what a package manager says of its progress is no reason, wherever its other pipe has put it', () => {
  const absent = 'E: Unable to locate package nosuch';
  for (const [said, words] of [
    [`Reading package lists...\nBuilding dependency tree...${absent}\n`, absent],
    [`Reading package lists...Building dependency tree...Reading state information...${absent}\n\n`, absent],
    [`Reading package lists... Done\nBuilding dependency tree... Done\n${absent}\n`, absent],
    [`Building dependency tree...${absent}\n\nReading state information...\n`, absent],
    [`${absent}\nReading package lists...\nBuilding dependency tree...\n`, absent],
    [`Solving dependencies...Error: Unable to correct problems\n`, 'Error: Unable to correct problems'],
    [
      `Last metadata expiration check: 0:00:01 ago.\nError: Unable to find a match: nosuch\n`,
      'Error: Unable to find a match: nosuch',
    ],
    [
      `Loading repository data...\nReading installed packages...No provider of 'nosuch' found.\n`,
      "No provider of 'nosuch' found.",
    ],
    // Ended in the middle: how far it came is all there is to say.
    ['Get:1 greeter\nReading package lists...\n', 'Reading package lists...'],
    ['Reading package lists...', 'Reading package lists...'],
    // Of a step's own.
    ['Reading the manual...E: 1\n', 'Reading the manual...E: 1'],
  ]) {
    const output = new BuildahOutput({ step: 'Containerfile', mask: asIs });
    const added = '\nsubprocess exited with status 100\nError: building at STEP "RUN x": exit status 100\n';
    output.push(bytes(`STEP 2/2: RUN x\n${said}${added}`));
    assert.equal(output.failure({ exitCode: 1, how: 'unknown' }).message, `exit code 100: ${words}`, said);
  }
});

test('a step whose text is longer than a line may be has its own exit code all the same', () => {
  const text = `RUN install ${'package '.repeat(300)}`;
  const output = new BuildahOutput({ step: 'Containerfile', mask: asIs });
  output.push(bytes(`STEP 2/2: ${text}\nno such package\nError: building at STEP "${text}": exit status 3\n`));
  const error = output.failure({ exitCode: 1, how: 'unknown' });
  assert.deepEqual([error.exitCode, error.message], [3, 'exit code 3: no such package']);
});

test('a step that was cut off has no exit code', () => {
  const output = new BuildahOutput({ step: 'Containerfile', mask: asIs });
  output.push(bytes('STEP 2/2: RUN sleep 1000\n'));
  const error = output.failure({ exitCode: null, how: 'not done after 60 s' });
  assert.deepEqual([error.step, error.exitCode, error.message], ['2/2: RUN sleep 1000', undefined, 'not done after 60 s']);
});

test('forty lines at most, each bounded, without control characters', () => {
  const output = new BuildahOutput({ step: 'Containerfile', mask: asIs });
  for (let i = 0; i < 5_000; i++) output.push(bytes(`line ${i}\r\n`));
  output.push(bytes(`\u001b[31m${'x'.repeat(100_000)}\u001b[0m\u0007\n`));
  const { log } = output.failure({ exitCode: 1, how: '' });
  assert.equal(log.length, 40);
  assert.equal(log[0], 'line 4961');
  assert.equal(log.at(-1)?.length, 1024);
  assert.match(log.at(-1) ?? '', /^x+…$/);
});

test('known secrets, and what looks like one, are masked', () => {
  const auth = parseDockerConfig(
    JSON.stringify({
      auths: {
        'r.example': { username: 'me', password: 'hunter22' },
        't.example': { auth: '', identitytoken: 'refresh-token-1' },
      },
    }),
  );
  const mask = createMask(secretsOf(auth));
  const lines = [
    'login with hunter22 failed',
    `Authorization: Basic ${Buffer.from('me:hunter22').toString('base64')}`,
    'refresh-token-1',
    'fetching https://me:geheim99@mirror.example/x',
    'curl -H "Authorization: Bearer abcdefgh.ijkl"',
    'GITHUB_TOKEN=ghp_1234567890',
    'db_password: "geheim99"',
    'api-key=geheim99',
    'Error: Get "https://store.example/b?X-Amz-Credential=geheim99%2Fx&X-Amz-Signature=geheim99": dial tcp: refused',
    'https://blob.example/c?sv=2024&se=2026&sig=geheim99%3D',
  ];
  const out = lines.map(mask).join('\n');
  for (const secret of [
    'hunter22',
    'refresh-token-1',
    'geheim99',
    'abcdefgh.ijkl',
    'ghp_1234567890',
    Buffer.from('me:hunter22').toString('base64'),
  ]) {
    assert.ok(!out.includes(secret), `${secret} in\n${out}`);
  }
  assert.equal(mask('installing token-ring-1.2 (3 packages)'), 'installing token-ring-1.2 (3 packages)');
  assert.equal(createMask(['ab', ''])('about a table'), 'about a table', 'what is too short to be a secret would mask words');
});

test('no secret survives, wherever it stands', () => {
  const secret = fc.stringMatching(/^[A-Za-z0-9+/=.-]{8,40}$/);
  fc.assert(
    fc.property(
      secret,
      fc.string(),
      fc.string(),
      (value, before, after) => !createMask([value])(`${before}${value}${after}`).includes(value),
    ),
  );
});
