/** Which system is in an image: what its os-release says, read from its layers, because no label of images says it. */
import { StallingError } from '../api/errors.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import type { Descriptor } from '../registry/media-types.ts';
import type { Registry } from '../registry/registry.ts';
import { isReadable, layerStream } from '../trust/layer-stream.ts';
import { TarError, tarMembers } from '../trust/tar-members.ts';
import { type OsRelease, OsReleaseError, parseOsRelease } from './os-release.ts';
import type { AddonReason } from './reasons.ts';
import { readSourceImage } from './source-image.ts';

/** The first is the file that os-release(5) has in images; /etc/os-release is a link to it there. */
const path = 'usr/lib/os-release';
const whiteouts = ['usr/lib/.wh.os-release', 'usr/.wh.lib', '.wh.usr'];
const maxBytes = 65_536;
const maxUnpackedBytes = 16 * 1024 ** 3;

type Found = { text: string } | { link: string } | 'gone' | undefined;

/**
 * Reads the layers of one platform of an image from the top until one has os-release, and of that one no more than it takes.
 * @throws StallingError `ImageUnsupported` for an image that has none, or one that is none; what readSourceImage and the registry throw
 */
export async function readImageSystem(
  registry: Pick<Registry, 'manifest' | 'blob' | 'readBlob'>,
  { image, platform }: { image: string; platform: string },
  auth?: DockerConfig,
): Promise<OsRelease> {
  const { repository, layers } = await readSourceImage(registry, image, platform, auth);
  for (const layer of layers.toReversed()) {
    const look = (wanted: string): Promise<Found> => lookInto(registry, { repository, layer, wanted }, auth);
    const found = await look(path);
    if (found === undefined) continue;
    if (found === 'gone') break;
    // Images of ostree have each file once in their store, and under its own name as another name of that.
    const whole = 'link' in found ? await look(found.link) : found;
    if (whole === undefined || whole === 'gone' || !('text' in whole)) break;
    return systemIn(whole.text, image);
  }
  throw unsupported(`${image} has no /usr/lib/os-release for ${platform}`);
}

function systemIn(text: string, image: string): OsRelease {
  try {
    return parseOsRelease(text);
  } catch (error) {
    if (!(error instanceof OsReleaseError)) throw error;
    throw unsupported(`/usr/lib/os-release of ${image}: ${error.message}`);
  }
}

async function lookInto(
  registry: Pick<Registry, 'readBlob'>,
  { repository, layer, wanted }: { repository: string; layer: Descriptor; wanted: string },
  auth: DockerConfig | undefined,
): Promise<Found> {
  if (!isReadable(layer))
    throw unsupported(`layer ${layer.digest} has the type ${JSON.stringify(layer.mediaType.slice(0, 128))}`);
  let found: Found;
  try {
    const bytes = registry.readBlob(repository, layer, auth);
    for await (const member of tarMembers(layerStream(layer, bytes, maxUnpackedBytes))) {
      if (whiteouts.includes(member.path)) found ??= 'gone';
      if (member.path !== wanted) continue;
      if (member.type === '1') return { link: member.link };
      if ((member.type !== '0' && member.type !== '') || member.size > maxBytes) return 'gone';
      const chunks: Uint8Array[] = [];
      for await (const chunk of member.bytes()) chunks.push(chunk);
      return { text: Buffer.concat(chunks).toString('utf8') };
    }
  } catch (error) {
    if (error instanceof TarError) throw unsupported(`layer ${layer.digest}: ${error.message}`);
    throw error;
  }
  return found;
}

function unsupported(message: string): StallingError {
  return new StallingError('ImageUnsupported' satisfies AddonReason, message);
}
