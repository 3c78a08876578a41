/**
 * The images by digest that a Containerfile names in FROM, in COPY --from and in RUN --mount=from, once each. They are pulled before it is built:
 * that a registry does not answer is no step's failure. The base's stage has a build argument in the place of its image and is not among them.
 */
export function stageImages(containerfile: string): string[] {
  const named = containerfile.matchAll(
    /^\s*FROM\s+(?:--\S+\s+)*([^\s@]+@sha256:[0-9a-f]{64})|\bfrom=([^\s@=,]{1,512}@sha256:[0-9a-f]{64})/gim,
  );
  return [...new Set([...named].map(([, stage, from]) => stage ?? from ?? ''))];
}
