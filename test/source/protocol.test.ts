import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { StallingError } from '../../controller/api/errors.ts';
import { credentialsOf, fingerprint, withoutCredentials } from '../../controller/source/credentials.ts';
import { PacketError, delimiter, flush, packet, packets } from '../../controller/source/pkt-line.ts';
import { RemoteError, readAdvertisedRef, readCapabilities, readFetch, readRef } from '../../controller/source/protocol.ts';
import { followed, formatRevision, parseRevision } from '../../controller/source/revision.ts';

/** The bytes in chunks of at most so many. */
async function* chunks(bytes: Buffer, size = bytes.length): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const stream = (...parts: Buffer[]) => packets(chunks(Buffer.concat(parts)));
const [one, two] = ['1'.repeat(40), '2'.repeat(40)];

describe('packets', () => {
  it('come out as they went in, however the stream is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.string({ maxLength: 300 }), fc.constant(null))),
        fc.integer({ min: 1, max: 50 }),
        async (all, size) => {
          const bytes = Buffer.concat(all.map(text => (text === null ? flush : packet(text))));
          const out: (string | null)[] = [];
          for await (const p of packets(chunks(bytes, size))) out.push(p.kind === 'data' ? p.data.toString() : null);
          assert.deepEqual(out, all);
        },
      ),
    );
  });

  for (const [name, text] of [
    ['no length', 'zzzzabc'],
    ['a length of 3', '0003'],
    ['a length beyond the largest', 'fff9'],
    ['an end inside a packet', '0010abc'],
  ] as const) {
    it(`with ${name} are refused`, async () => {
      await assert.rejects(async () => {
        for await (const _ of packets(chunks(Buffer.from(text))));
      }, PacketError);
    });
  }
});

describe('an answer of the server', () => {
  it('tells version and filter', async () => {
    const v2 = [packet('# service=git-upload-pack\n'), flush, packet('version 2\n'), packet('agent=git/2\n')];
    assert.deepEqual(await readCapabilities(stream(...v2, packet('fetch=shallow wait-for-done filter\n'), flush)), {
      version: 2,
      filter: true,
    });
    assert.deepEqual(await readCapabilities(stream(...v2, packet('fetch=shallow\n'), flush)), { version: 2, filter: false });
    assert.deepEqual(await readCapabilities(stream(packet(`${one} HEAD\0caps\n`), flush)), { version: 1, filter: false });
    await assert.rejects(readCapabilities(stream(...v2, packet('object-format=sha256\n'), flush)), StallingError);
  });

  it('names exactly the ref that was asked for, peeled', async () => {
    const refs = [packet(`${one} refs/tags/v1-rc\n`), packet(`${one} refs/tags/v1 peeled:${two}\n`), flush];
    assert.deepEqual(await readRef(stream(...refs), 'refs/tags/v1'), { object: one, oid: two });
    assert.equal(await readRef(stream(...refs), 'refs/tags/v'), undefined);
    const old = [
      packet(`${one} HEAD\0caps\n`),
      packet(`${one} refs/tags/v1\n`),
      packet(`${two} refs/tags/v1^{}\n`),
      packet(`${one} refs/x\n`),
      flush,
    ];
    assert.deepEqual(await readAdvertisedRef(stream(...old), 'refs/tags/v1'), { object: one, oid: two });
    assert.deepEqual(await readAdvertisedRef(stream(...old), 'refs/x'), { object: one, oid: one });
    assert.equal(await readAdvertisedRef(stream(...old), 'refs/tags/none'), undefined);
  });

  it('that is an error is one', async () => {
    await assert.rejects(readRef(stream(packet('ERR access denied\n')), 'refs/heads/main'), RemoteError);
    await assert.rejects(
      readFetch(stream(packet('packfile\n'), packet('\x03out of disk\n')), () => {}),
      /the Git server says: out of disk/,
    );
  });

  it('to a fetch gives what is in common, then the pack', async () => {
    const [out, keep]: [Buffer[], (b: Buffer) => void] = [[], b => void out.push(b)];
    const answer = [
      packet('acknowledgments\n'),
      packet(`ACK ${one}\n`),
      packet('ready\n'),
      delimiter,
      packet('shallow-info\n'),
      packet(`shallow ${two}\n`),
      delimiter,
    ];
    const read = await readFetch(
      stream(...answer, packet('packfile\n'), packet('\x01PA'), packet('\x02progress'), packet('\x01CK'), flush),
      keep,
    );
    assert.equal(Buffer.concat(out).toString(), 'PACK');
    assert.deepEqual([read.ready, read.pack, [...read.known]], [true, true, [one]]);
    const none = await readFetch(stream(packet('acknowledgments\n'), packet('NAK\n'), flush), keep);
    assert.deepEqual([none.ready, none.pack, none.known.size], [false, false, 0]);
  });
});

const secret = (data: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'git' },
  data: Object.fromEntries(Object.entries(data).map(([k, v]) => [k, Buffer.from(v).toString('base64')])),
});

describe('credentials', () => {
  it('are Basic or Bearer, with an authority or without', () => {
    assert.deepEqual(credentialsOf(secret({ username: 'a', password: 'b\n' })), { authorization: 'Basic YTpi' });
    assert.deepEqual(credentialsOf(secret({ bearerToken: 't', 'ca.crt': 'PEM' })), { authorization: 'Bearer t', ca: 'PEM' });
    assert.deepEqual(credentialsOf(secret({ 'ca.crt': 'PEM' })), { ca: 'PEM' });
  });

  for (const data of [
    {},
    { username: 'a' },
    { password: 'b' },
    { username: 'a', password: 'b', bearerToken: 't' },
    { bearerToken: 'a\r\nx: y' },
  ]) {
    it(`are refused with ${Object.keys(data).join(', ') || 'nothing'}`, () => {
      assert.throws(() => credentialsOf(secret(data)), StallingError);
    });
  }

  it('are cut out of what a server says, and told apart without being told', () => {
    const basic = credentialsOf(secret({ username: 'robot', password: 'p@ss/w' }));
    const said = `p@ss/w or p%40ss%2Fw or ${basic.authorization} or robot:p@ss/w`;
    assert.equal(withoutCredentials(said, basic), '[redacted] or [redacted] or Basic [redacted] or [redacted]');
    assert.notEqual(fingerprint(basic), fingerprint({}));
    assert.ok(!fingerprint(basic).includes('p@ss'));
  });
});

it('a revision says which ref and which commit', () => {
  for (const ref of [{ branch: 'a/b@c%40' }, { tag: 'v1' }, { commit: one }]) {
    const { name } = followed(ref);
    assert.deepEqual(parseRevision(formatRevision({ name, oid: one })), { name, oid: one });
  }
  assert.deepEqual(followed({ branch: 'main' }), { kind: 'ref', ref: 'refs/heads/main', name: 'main' });
  assert.equal(formatRevision({ name: 'a@b', oid: one }), `a%40b@sha1:${one}`);
  for (const text of ['', 'main', `@sha1:${one}`, 'main@sha1:xyz', `main@sha256:${one}`])
    assert.equal(parseRevision(text), undefined);
});
