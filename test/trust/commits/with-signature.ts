/** The commit with the signature where Git puts it. */
export function withSignature(commit: Buffer, signature: Buffer, header = 'gpgsig'): Buffer {
  const end = commit.indexOf('\n\n') + 1;
  const folded = signature.toString('latin1').replace(/\n$/, '').replaceAll('\n', '\n ');
  return Buffer.concat([commit.subarray(0, end), Buffer.from(`${header} ${folded}\n`, 'latin1'), commit.subarray(end)]);
}
