/** Images as the controller builds them on one base, pushed and not signed yet. */
import type { ImageBuild } from '../../controller/api/image-build.ts';
import { baseInfo, type Base } from '../../controller/build/base.ts';
import { BlobCopier } from '../../controller/build/blob-copier.ts';
import { pushContext } from '../../controller/build/context.ts';
import { builderVersion } from '../../controller/build/name.ts';
import { publishImage } from '../../controller/build/publish.ts';
import type { Pushed } from '../../controller/build/seal.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { contextOf, pushBase } from '../build/build-fixture.ts';

const commit = '0123456789abcdef0123456789abcdef01234567';

export interface Below {
  registry: Registry;
  host: string;
  base: string;
  info: Base;
}

/** @param layer the base's, an uncompressed tar */
export async function pushBelow(registry: Registry, host: string, layer: Uint8Array): Promise<Below> {
  const { image: base } = await pushBase(registry, `${host}/base/system`, { layers: [layer] });
  return { registry, host, base, info: await baseInfo(registry, base) };
}

/** The image of that number: fifty files on the base, in a repository of its own below `built`. */
export async function pushBuilt({ registry, host, base, info }: Below, number: number): Promise<Pushed> {
  const repository = `${host}/built/os-${number}`;
  const files = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`etc/edge/${i}`, `image ${number}, file ${i}\n`]));
  const context = contextOf({ definition: 'os', layers: [files] });
  const digest = await pushContext(registry, repository, context);
  const tag = `os-${number}`;
  const publication = { onto: info, base, plan: context.plan, context: digest, repository, tag, auth: undefined };
  const { image } = await publishImage(registry, new BlobCopier(registry), publication);
  const build = buildOf(tag, { context: digest, base, repository });
  return {
    build,
    image,
    plan: context.plan,
    foundations: [],
    origin: undefined,
    auth: undefined,
    signal: new AbortController().signal,
  };
}

function buildOf(name: string, of: { context: string; base: string; repository: string }): ImageBuild {
  return {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'ImageBuild',
    metadata: { name, uid: name },
    spec: {
      definitionRef: { name: 'os' },
      revision: `main@sha1:${commit}`,
      context: of.context,
      base: of.base,
      output: { repository: of.repository },
      signing: { keySecretRef: { name: 'key' }, provenance: true, sbom: 'SPDX' },
      execution: { timeout: '30m', lint: 'Warn' },
      builderVersion,
    },
  };
}
