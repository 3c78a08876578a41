# Two images of the bundle that `npm run build` makes. docs/images.md says what is in them and what their pods may do.
#   buildah build --target controller --tag scantling:0.2.0 .          the controller and the agents
#   buildah build --target builder --tag scantling-builder:0.2.0 .     the pods that build foundations
# `docker build` does the same. Without --target it is the controller's.

# Node 24 on Debian: by digest, of a mirror, or your own.
ARG NODE_IMAGE=docker.io/library/node:24-bookworm-slim

FROM ${NODE_IMAGE} AS builder
# Nothing that buildah only recommends: no runtime (steps run in its own chroot isolation), no FUSE, no network plugins.
# The user has ids of its own to give to the files of an image. newuidmap and newgidmap, which hand them out, get the one capability that
# each needs instead of all of root's.
RUN apt-get update && \
    apt-get install --yes --no-install-recommends buildah ca-certificates libcap2-bin uidmap && \
    groupadd --gid 65532 scantling && \
    useradd --uid 65532 --gid 65532 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin scantling && \
    echo scantling:100000:65536 > /etc/subuid && \
    echo scantling:100000:65536 > /etc/subgid && \
    chmod u-s /usr/bin/newuidmap /usr/bin/newgidmap && \
    setcap cap_setuid=ep /usr/bin/newuidmap && \
    setcap cap_setgid=ep /usr/bin/newgidmap && \
    apt-get purge --yes libcap2-bin && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*
COPY dist/scantling.mjs dist/scantling.mjs.LEGAL.txt /app/
USER 65532:65532
ENTRYPOINT ["node", "/app/scantling.mjs"]
CMD ["build", "--help"]

FROM ${NODE_IMAGE} AS controller
COPY dist/scantling.mjs dist/scantling.mjs.LEGAL.txt /app/
# The agents' DaemonSet sets root instead, and enters the host with the nsenter that every Debian has.
USER 65532:65532
ENTRYPOINT ["node", "/app/scantling.mjs"]
CMD ["controller"]
