/**
 * Where finish layers may write. A layer that names a path below a directory that is a symbolic link in the base would replace the
 * link, so only directories are allowed that are real ones in every bootable base.
 */
const roots = ['/etc', '/usr/bin', '/usr/lib', '/usr/libexec', '/usr/share'] as const;

const controls = /\p{Cc}/u;

/** Why the absolute path of a file cannot be written by a finish layer, or undefined when it can. */
export function refuseImagePath(path: string): string | undefined {
  const wrong = refusePath(path);
  if (wrong) return wrong;
  if (roots.some(root => path.startsWith(`${root}/`))) return undefined;
  return `${path} is not below ${roots.slice(0, -1).join(', ')} or ${roots.at(-1)}; write it elsewhere, or in containerfile.inline`;
}

/** Why a text is not an absolute path in normal form that an image layer can hold, or undefined when it is. */
export function refusePath(path: string): string | undefined {
  if (!path.startsWith('/')) return `${quote(path)} is not an absolute path`;
  if (controls.test(path) || !path.isWellFormed()) return `${quote(path)} holds a control character or is not Unicode`;
  const segments = path.split('/').slice(1);
  if (segments.some(segment => segment === '' || segment === '.' || segment === '..')) {
    return `${quote(path)} has an empty segment, "." or ".."; write the path in full`;
  }
  // A name with this prefix removes a file of a lower layer (OCI image specification, "Whiteouts").
  if (segments.some(segment => segment.startsWith('.wh.'))) return `${quote(path)} has a segment that starts with ".wh."`;
  if (segments.some(segment => Buffer.byteLength(segment) > 255)) return `${quote(path)} has a segment of more than 255 bytes`;
  return undefined;
}

/** A path for a message, with what cannot be seen escaped. */
export function quote(value: string): string {
  return JSON.stringify(value);
}
