/** The digest in `repository@digest`; '' when there is none. */
export function digestOf(image: string): string {
  const at = image.lastIndexOf('@');
  return at < 0 ? '' : image.slice(at + 1);
}
