# One image for controller and agent: the bundle of `npm run build` on Node 24, with buildah for foundations and nsenter (util-linux) for agents.
FROM docker.io/library/node:24-bookworm-slim
RUN apt-get update && \
    apt-get install --yes --no-install-recommends buildah ca-certificates util-linux && \
    rm -rf /var/lib/apt/lists/*
COPY dist/scantling.mjs /app/scantling.mjs
ENTRYPOINT ["node", "/app/scantling.mjs"]
