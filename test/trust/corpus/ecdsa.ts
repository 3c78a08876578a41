/** The same ECDSA signature written in other ways. */
import { der, sequence } from '../../cluster/der.ts';

/** Order of the group of P-256. */
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** What (r, s) becomes as (r, n − s), which every verifier takes for as good. */
export function flipped(signature: Buffer): Buffer {
  const lengthOfR = signature[3] ?? 0;
  const s = BigInt(`0x${signature.subarray(6 + lengthOfR).toString('hex')}`);
  return sequence(signature.subarray(2, 4 + lengthOfR), integer(order - s));
}

function integer(value: bigint): Buffer {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
  return der(0x02, (bytes[0] ?? 0) < 0x80 ? bytes : Buffer.concat([Buffer.from([0]), bytes]));
}

export function trailing(signature: Buffer): Buffer {
  return Buffer.concat([signature, Buffer.from([0, 0])]);
}
