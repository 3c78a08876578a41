/** Which addresses keys may be looked for at: pure. A name that others write must not make the controller speak to what only it can reach. */
import { BlockList, isIP } from 'node:net';

export type AddressKind = 'public' | 'private' | 'never';

type Range = readonly [address: string, bits: number];

/** Of IANA's special-purpose registries: hosts of one's own network. */
const privateV4: readonly Range[] = [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
];
/** Where nobody serves keys, and clouds serve credentials of the machine. */
const neverV4: readonly Range[] = [
  ['0.0.0.0', 8],
  ['100.100.100.200', 32],
  ['168.63.129.16', 32],
  ['169.254.0.0', 16],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
];
const publicV6: readonly Range[] = [['2000::', 3]];
const privateV6: readonly Range[] = [
  ['::1', 128],
  ['fc00::', 7],
];
/** Documentation, tunnels that end at any IPv4 address, and the metadata service of AWS. */
const neverV6: readonly Range[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
  ['fd00:ec2::254', 128],
  ['fd20:ce::254', 128],
];

const listOf = (ranges: readonly Range[], family: 'ipv4' | 'ipv6'): BlockList => {
  const list = new BlockList();
  for (const [address, bits] of ranges) list.addSubnet(address, bits, family);
  return list;
};
const v4 = { private: listOf(privateV4, 'ipv4'), never: listOf(neverV4, 'ipv4') };
const v6 = { public: listOf(publicV6, 'ipv6'), private: listOf(privateV6, 'ipv6'), never: listOf(neverV6, 'ipv6') };

/** What an address is. An IPv6 address that stands for an IPv4 one (mapped, NAT64) is what that one is. */
export function kindOfAddress(address: string): AddressKind {
  const bare = address.replace(/%.*$/, '').replace(/^\[(.*)\]$/, '$1');
  if (isIP(bare) === 4) return v4.never.check(bare) ? 'never' : v4.private.check(bare) ? 'private' : 'public';
  if (isIP(bare) !== 6) return 'never';
  const inner = embedded(bare);
  if (inner !== undefined) return kindOfAddress(inner);
  if (v6.never.check(bare, 'ipv6')) return 'never';
  if (v6.private.check(bare, 'ipv6')) return 'private';
  return v6.public.check(bare, 'ipv6') ? 'public' : 'never';
}

/** The IPv4 address within ::ffff:0:0/96 and 64:ff9b::/96. */
function embedded(address: string): string | undefined {
  const groups = groupsOf(address);
  const mapped = groups.slice(0, 5).every(g => g === 0) && groups[5] === 0xff_ff;
  const translated = groups[0] === 0x64 && groups[1] === 0xff_9b && groups.slice(2, 6).every(g => g === 0);
  if (!mapped && !translated) return undefined;
  const [high = 0, low = 0] = groups.slice(6);
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
}

/** The eight numbers of an IPv6 address; the URL parser has all ways to write one. */
function groupsOf(address: string): number[] {
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const [first, last] = [numbersOf(head), numbersOf(tail ?? '')];
  return [...first, ...Array.from({ length: 8 - first.length - last.length }, () => 0), ...last];
}

function numbersOf(part: string): number[] {
  return part === '' ? [] : part.split(':').map(group => Number.parseInt(group, 16));
}
