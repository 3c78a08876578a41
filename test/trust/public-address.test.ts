import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { kindOfAddress } from '../../controller/trust/public-address.ts';

describe('addresses', () => {
  const table: Record<ReturnType<typeof kindOfAddress>, string[]> = {
    public: ['1.1.1.1', '93.184.216.34', '172.32.0.1', '2606:4700:4700::1111', '64:ff9b::101:101', '::ffff:1.1.1.1'],
    private: [
      '10.0.0.1',
      '127.0.0.1',
      '127.9.9.9',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
      '100.64.0.1',
      '::1',
      'fc00::1',
      'fdab::1',
      '::ffff:10.0.0.1',
      '::ffff:7f00:1',
      '64:ff9b::10.0.0.1',
      '[::1]',
    ],
    never: [
      '0.0.0.0',
      '169.254.169.254',
      '100.100.100.200',
      '168.63.129.16',
      '192.0.0.192',
      'fd00:ec2::254',
      '224.0.0.1',
      '255.255.255.255',
      'fe80::1%eth0',
      'ff02::1',
      '::',
      '2002:7f00:1::',
      '2001:db8::1',
      '::ffff:169.254.169.254',
      'localhost',
      '',
    ],
  };
  for (const [kind, addresses] of Object.entries(table))
    for (const address of addresses) test(`${address || 'nothing'} is ${kind}`, () => assert.equal(kindOfAddress(address), kind));
});
