import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { AddonMatch } from '../../controller/api/addon-artifact.ts';
import { type HostSystem, type VariantMatch, architectureOf, variantFor, variantName } from '../../controller/addon/variant.ts';

const variant = (id: string, version: Omit<AddonMatch, 'id'> = {}, platform = 'linux/amd64'): VariantMatch => ({
  platform,
  os: { id, ...version },
});
const host = (os: Partial<HostSystem['os']>, rest: Partial<HostSystem> = {}): HostSystem => ({
  os: { id: 'fedora', idLike: [], ...os },
  platform: 'linux/amd64',
  systemd: 257,
  ...rest,
});
const any = variant('_any');
const fedora = host({ versionId: '42' });
const alma = { id: 'almalinux', idLike: ['rhel', 'fedora'], versionId: '10.1' };

describe('a variant fits when systemd would merge it', () => {
  const table: Record<string, { variant: VariantMatch; host: HostSystem; fits: boolean }> = {
    'for any system': { variant: any, host: fedora, fits: true },
    'for the same version': { variant: variant('fedora', { versionId: '42' }), host: fedora, fits: true },
    'for another version': { variant: variant('fedora', { versionId: '41' }), host: fedora, fits: false },
    'for another system': { variant: variant('debian', { versionId: '42' }), host: fedora, fits: false },
    'without a version, on a system with one': { variant: variant('fedora'), host: fedora, fits: false },
    'without a version, on a rolling system': { variant: variant('arch'), host: host({ id: 'arch' }), fits: true },
    'with a version, on a rolling system': {
      variant: variant('arch', { versionId: '1' }),
      host: host({ id: 'arch' }),
      fits: true,
    },
    'for the same level, whatever the version': {
      variant: variant('fedora', { sysextLevel: '2' }),
      host: host({ versionId: '42', sysextLevel: '2' }),
      fits: true,
    },
    'for another level': {
      variant: variant('fedora', { sysextLevel: '1' }),
      host: host({ versionId: '42', sysextLevel: '2' }),
      fits: false,
    },
    'for another level, though the version is the same': {
      variant: variant('fedora', { sysextLevel: '1', versionId: '42' }),
      host: host({ versionId: '42', sysextLevel: '2' }),
      fits: false,
    },
    'for a version, on a system that has a level too': {
      variant: variant('fedora', { versionId: '42' }),
      host: host({ versionId: '42', sysextLevel: '2' }),
      fits: true,
    },
    'for a level, on a system that has none': { variant: variant('fedora', { sysextLevel: '2' }), host: fedora, fits: false },
    'for a version, on a system that has a level alone': {
      variant: variant('fedora', { versionId: '42' }),
      host: host({ sysextLevel: '2' }),
      fits: true,
    },
    'for what the system is like, before systemd 258': {
      variant: variant('rhel', { versionId: '10.1' }),
      host: host(alma),
      fits: false,
    },
    'for what the system is like, from systemd 258 on': {
      variant: variant('rhel', { versionId: '10.1' }),
      host: host(alma, { systemd: 258 }),
      fits: true,
    },
    'for what the system is like, in another version': {
      variant: variant('rhel', { versionId: '10' }),
      host: host(alma, { systemd: 262 }),
      fits: false,
    },
    'for another platform': { variant: variant('_any', {}, 'linux/arm64'), host: fedora, fits: false },
    'for any platform': { variant: variant('_any', {}, '_any'), host: fedora, fits: true },
    'for arm64, however the node writes it': {
      variant: variant('_any', {}, 'linux/arm64'),
      host: host({}, { platform: 'linux/arm64/v8' }),
      fits: true,
    },
    'for a platform that is no one': {
      variant: variant('_any', {}, 'linux/s390x'),
      host: host({}, { platform: 'linux/s390x' }),
      fits: false,
    },
  };
  for (const [what, { variant, host, fits }] of Object.entries(table)) {
    test(what, () => assert.equal('variant' in variantFor([variant], host), fits));
  }

  test('for what the system is like, where the version of systemd is not known', () => {
    const { systemd: _, ...unknown } = host(alma);
    assert.ok('why' in variantFor([variant('rhel', { versionId: '10.1' })], unknown));
  });
});

test('Of several that fit the closest is taken, wherever it stands', () => {
  const level = { versionId: '10.1', sysextLevel: '3' };
  const here = host({ ...alma, ...level }, { systemd: 258 });
  const byCloseness = [
    variant('almalinux', { sysextLevel: '3' }),
    variant('almalinux', { sysextLevel: '3' }, '_any'),
    variant('almalinux', { versionId: '10.1' }),
    variant('almalinux', { versionId: '10.1' }, '_any'),
    variant('rhel', { sysextLevel: '3' }),
    variant('rhel', { versionId: '10.1' }),
    variant('fedora', { versionId: '10.1' }, '_any'),
    any,
    variant('_any', {}, '_any'),
  ];
  byCloseness.forEach((closest, at) => {
    const others = byCloseness.slice(at);
    fc.assert(
      fc.property(fc.shuffledSubarray(others, { minLength: others.length }), shuffled => {
        assert.deepEqual(variantFor(shuffled, here), { variant: closest });
      }),
      { numRuns: 30 },
    );
  });
});

test('Whatever is taken is one of the variants, for the platform of the node', () => {
  const word = fc.constantFrom('a', 'b', 'c');
  const maybe = fc.option(word, { nil: undefined });
  const platform = fc.constantFrom('linux/amd64', 'linux/arm64', '_any');
  const anyVariant = fc.record({
    platform,
    os: fc.record({ id: fc.constantFrom('_any', 'a', 'b'), versionId: maybe, sysextLevel: maybe }),
  });
  const anyHost = fc.record({
    os: fc
      .record({ id: word, idLike: fc.array(word, { maxLength: 2 }), versionId: maybe, sysextLevel: maybe })
      .map(({ id, idLike, versionId, sysextLevel }) => ({
        id,
        idLike,
        ...(versionId === undefined ? {} : { versionId }),
        ...(sysextLevel === undefined ? {} : { sysextLevel }),
      })),
    platform: fc.constantFrom('linux/amd64', 'linux/arm64'),
    systemd: fc.constantFrom(252, 257, 258),
  });
  fc.assert(
    fc.property(fc.array(anyVariant, { maxLength: 8 }), anyHost, (variants, host) => {
      const found = variantFor(variants, host);
      if ('why' in found) {
        assert.ok(!variants.some(v => v.os.id === '_any' && (v.platform === '_any' || v.platform === host.platform)));
        for (const one of variants) assert.ok('why' in variantFor([one], host), variantName(one));
        return;
      }
      const { platform, os } = found.variant;
      assert.ok(variants.includes(found.variant));
      assert.ok(platform === '_any' || platform === host.platform);
      assert.ok(os.id === '_any' || os.id === host.os.id || (host.systemd >= 258 && host.os.idLike.includes(os.id)));
    }),
  );
});

function why(variants: readonly VariantMatch[], on: HostSystem): string {
  const found = variantFor(variants, on);
  return 'why' in found ? found.why : 'it fits';
}

describe('where none fits, people are told', () => {
  test('what the node is, and which variants there are', () => {
    assert.equal(
      why(
        [
          variant('fedora', { versionId: '41' }),
          variant('_any', {}, 'linux/arm64'),
          variant('flatcar', { sysextLevel: '1.0' }, '_any'),
        ],
        fedora,
      ),
      'none of its variants is for this node: this is linux/amd64 with fedora 42, and there are linux/amd64 for fedora 41, linux/arm64 for any system, any platform for flatcar (SYSEXT_LEVEL 1.0)',
    );
  });
  test('what a variant without a version means', () => {
    assert.match(
      why([variant('fedora')], fedora),
      /one for fedora without versionId is for systems without VERSION_ID only, so give it versionId: "42"$/,
    );
  });
  test('that systemd is too old for a system that it is like', () => {
    assert.match(
      why([variant('rhel', { versionId: '10.1' })], host(alma)),
      /this is linux\/amd64 with almalinux 10\.1 \(like rhel and fedora\), .*; one for rhel, which this system is like, counts from systemd 258 on, and systemd is 257 here$/,
    );
  });
  test('that there is no addon for such a platform', () => {
    assert.match(
      why([any], host({}, { platform: 'linux/s390x' })),
      /^addons are made for linux\/amd64 and linux\/arm64; this is linux\/s390x with fedora without VERSION_ID$/,
    );
  });
  test('that there is no variant at all', () => {
    assert.match(why([], fedora), /^it has no variant at all; /);
  });
  test('no more than can be read', () => {
    const many = Array.from({ length: 32 }, (_, i) => variant('debian', { versionId: String(i) }));
    assert.match(why(many, fedora), /linux\/amd64 for debian 7 and 24 more$/);
  });
});

test('Platforms are written as systemd writes architectures', () => {
  const table = {
    'linux/amd64': 'x86-64',
    'linux/arm64': 'arm64',
    'linux/arm64/v8': 'arm64',
    _any: '_any',
    'linux/riscv64': undefined,
    constructor: undefined,
  };
  for (const [platform, architecture] of Object.entries(table)) assert.equal(architectureOf(platform), architecture, platform);
});
