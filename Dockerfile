# Two images of the bundle that `npm run build` makes. `npm run image` builds them; docs/images.md says what is in them and what their pods may
# do, docs/adr/0016-images.md why they are made so.
#
# No program of the images' platform is run, so one machine builds for all of them: what has to be run is run in the stages of the building
# machine's platform, for which the images' files are just files.

# Node 24 on Debian, for all platforms. Another by --build-arg: of a mirror, or made of Debian's packages as the tests do.
ARG NODE_IMAGE=docker.io/library/node:24.21.0-bookworm-slim@sha256:d6aa754f16b3197301076f047b5def2f02ea1dbbc2ca920407d46d7ec7f87b20
# The same for the building machine's platform, to be told apart only where NODE_IMAGE is of one platform.
ARG TOOLS_IMAGE=${NODE_IMAGE}

FROM ${NODE_IMAGE} AS base

# What the controller has of the base beside Node: the libraries of Node and nsenter, and nsenter.
FROM --platform=$BUILDPLATFORM ${TOOLS_IMAGE} AS controller-files
# What the mount depends on, for builders whose cache does not look into it.
ARG NODE_IMAGE
ARG TARGETARCH
RUN --mount=type=bind,from=base,target=/target set -eu; \
    mkdir -p /image/app /image/etc /image/root /image/tmp /image/usr/bin /image/usr/lib /image/usr/lib64 /image/var/lib/dpkg/status.d; \
    chmod 1777 /image/tmp; \
    for directory in bin lib lib64; do ln -s usr/$directory /image/$directory; done; \
    cd /target; \
    for package in base-files gcc-12-base libc6 libgcc-s1 libpcre2-8-0 libselinux1 libstdc++6 util-linux; do \
        list=var/lib/dpkg/info/$package.list; \
        [ -e $list ] || list=$(ls var/lib/dpkg/info/$package:*.list); \
        cat $list >> /tmp/packaged; \
        # Where scanners look for the packages of an image that has no package manager.
        dpkg-query --admindir=var/lib/dpkg --status $package > /image/var/lib/dpkg/status.d/$package; \
    done; \
    sed -nE 's#^/##; \
        \#^(usr/)?lib(64)?/([^/]+-linux-gnu/)?[^/]+\.so(\.[0-9]+)*$#p; \
        \#^(etc|usr/lib)/os-release$|^usr/bin/nsenter$|^usr/share/doc/[^/]+/copyright$#p' /tmp/packaged > /tmp/wanted; \
    tar --create --no-recursion --files-from=/tmp/wanted --file=/tmp/wanted.tar; \
    tar --extract --keep-directory-symlink --directory=/image --file=/tmp/wanted.tar; \
    printf '%s\n' root:x:0:0:root:/root:/sbin/nologin scantling:x:65532:65532::/tmp:/sbin/nologin > /image/etc/passwd; \
    printf '%s\n' root:x:0: scantling:x:65532: > /image/etc/group; \
    echo hosts: files dns > /image/etc/nsswitch.conf

# A layer of its own: it stays the same from release to release, and is most of the image.
FROM scratch AS controller-root
COPY --from=controller-files /image /
COPY --from=base /usr/local/LICENSE /usr/local/LICENSE
COPY --from=base /usr/local/bin/node /usr/local/bin/node

# What the builder has beside the base: buildah and what it depends on, unpacked instead of installed, because to install is to run.
FROM --platform=$BUILDPLATFORM ${TOOLS_IMAGE} AS builder-files
ARG NODE_IMAGE
ARG TARGETARCH
# Of that second (20261123T000000Z) instead of the newest packages, which makes the image reproducible for ever.
ARG DEBIAN_SNAPSHOT=
RUN set -eu; \
    if [ -n "$DEBIAN_SNAPSHOT" ]; then \
        find /etc/apt/sources.list /etc/apt/sources.list.d -type f -exec sed -i -E \
            "s#[a-z]+\.debian\.org/(debian(-security)?)/?#snapshot.debian.org/archive/\1/$DEBIAN_SNAPSHOT#" {} +; \
        echo 'Acquire::Check-Valid-Until "false";' > /etc/apt/apt.conf.d/snapshot; \
    fi; \
    apt-get update; \
    apt-get install --yes --no-install-recommends libcap2-bin
# Nothing that buildah only recommends: no runtime (steps run in its own chroot isolation), no FUSE, no network plugins.
RUN --mount=type=bind,from=base,target=/target set -eu; \
    mkdir -p /tmp/apt/lists/partial /tmp/apt/archives/partial /image/usr/lib /image/usr/bin /image/usr/sbin /image/var/lib/dpkg/status.d; \
    apt() { \
        apt-get --option APT::Architecture=$TARGETARCH --option APT::Architectures=$TARGETARCH --option APT::Sandbox::User=root \
            --option Dir::State=/tmp/apt --option Dir::State::status=/target/var/lib/dpkg/status --option Dir::Cache=/tmp/apt "$@"; \
    }; \
    apt update; \
    apt install --download-only --yes --no-install-recommends buildah ca-certificates uidmap; \
    for package in /tmp/apt/archives/*.deb; do \
        dpkg-deb --extract "$package" /tmp/packages; \
        dpkg-deb --field "$package" > "/image/var/lib/dpkg/status.d/$(dpkg-deb --field "$package" Package)"; \
    done; \
    cd /tmp/packages; \
    # In Debian's images these are links into /usr, which a directory of the same name would replace.
    for directory in bin lib sbin; do \
        if [ -d $directory ]; then cp -a $directory usr/; rm -r $directory; fi; \
    done; \
    find usr/share/doc -type f ! -name copyright -delete; \
    rm -rf usr/share/bug usr/share/info usr/share/lintian usr/share/locale usr/share/man; \
    cp -a . /image/
# The user has ids of its own to give to the files of an image. newuidmap and newgidmap, which hand them out, get the one capability that
# each needs instead of all of root's. The authorities are put together as update-ca-certificates does.
RUN --mount=type=bind,from=base,target=/target set -eu; \
    cd /image; \
    mkdir -p etc/ssl/certs; \
    find usr/share/ca-certificates -name '*.crt' | LC_ALL=C sort | xargs cat > etc/ssl/certs/ca-certificates.crt; \
    cp /target/etc/passwd /target/etc/group etc/; \
    echo scantling:x:65532:65532::/tmp:/usr/sbin/nologin >> etc/passwd; \
    echo scantling:x:65532: >> etc/group; \
    echo scantling:100000:65536 | tee etc/subuid > etc/subgid; \
    chmod u-s usr/bin/newuidmap usr/bin/newgidmap; \
    setcap cap_setuid=ep usr/bin/newuidmap; \
    setcap cap_setgid=ep usr/bin/newgidmap

FROM base AS builder-root
COPY --from=builder-files /image /

FROM builder-root AS builder
LABEL org.opencontainers.image.title="Scantling builder" \
      org.opencontainers.image.description="Builds the foundations of Scantling's systems, in pods of Jobs" \
      org.opencontainers.image.licenses=Apache-2.0
COPY --chmod=0644 dist/scantling.mjs dist/scantling.mjs.LEGAL.txt /app/
USER 65532:65532
ENTRYPOINT ["node", "/app/scantling.mjs"]
CMD ["build", "--help"]

FROM controller-root AS controller
LABEL org.opencontainers.image.title=Scantling \
      org.opencontainers.image.description="Takes the operating systems of a cluster from a Git commit to booted nodes: controller, agent and command line" \
      org.opencontainers.image.licenses="Apache-2.0 AND LGPL-3.0-or-later"
# openpgp.mjs is under the LGPL, and loaded only where an OpenPGP key is named; see docs/adr/0033.
COPY --chmod=0644 dist/scantling.mjs dist/scantling.mjs.LEGAL.txt dist/judge-worker.mjs dist/judge-worker.mjs.LEGAL.txt dist/image-worker.mjs dist/list-worker.mjs dist/openpgp.mjs dist/openpgp.LICENSE.txt /app/
ENV PATH=/usr/local/bin:/usr/bin
# The agents' DaemonSet sets root instead, and enters the host with nsenter.
USER 65532:65532
ENTRYPOINT ["node", "/app/scantling.mjs"]
CMD ["controller"]
