/**
 * The images by digest that a Containerfile names in FROM, in COPY --from and in RUN --mount=from, once each. They are pulled before it is built:
 * that a registry does not answer is no step's failure. The base's stage has a build argument in the place of its image and is not among them.
 */
export function stageImages(containerfile: string): string[] {
  // What continues a line, and quotes, may be anywhere in what an author writes, and mean nothing in a name.
  const plain = containerfile.replaceAll(/[\\`][ \t]*\r?\n|[\\`"']/g, '');
  const named = plain.matchAll(
    /^\s*FROM\s+(?:--\S+\s+)*([^\s@]+@sha256:[0-9a-f]{64})|\bfrom=([^\s@=,]{1,512}@sha256:[0-9a-f]{64})/gim,
  );
  return [...new Set([...named].map(([, stage, from]) => stage ?? from ?? ''))];
}
