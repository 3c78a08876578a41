/** A small file of an image, found in its layers without keeping them. */
import { posix } from 'node:path';
import { StallingError } from '../api/errors.ts';
import type { Descriptor } from '../registry/media-types.ts';
import { isReadable, layerStream } from '../trust/layer-stream.ts';
import { tarMembers, TarError, type TarMember } from '../trust/tar-members.ts';

export interface LayeredImage {
  /** For messages. */
  name: string;
  /** Lowest first. */
  layers: readonly Descriptor[];
  /** The bytes of a layer as they come. */
  open(layer: Descriptor): AsyncIterable<Uint8Array>;
}

const maxLayerBytes = 32 * 1024 ** 3;
const maxFileBytes = 64 * 1024;
const maxLinks = 8;

/** What a layer says of a path. */
type Found = { bytes: Buffer } | { target: string } | { sameAs: string } | 'gone' | undefined;

/**
 * The content of a file, links to it followed; undefined where the image has none. Layers are read from the top until one speaks of it, so that the lower ones, which are the large ones, often are not.
 * @param path absolute
 * @throws StallingError `ImageUnsupported` for a layer that cannot be read, a file that is too large, and links that go round; what `open` throws
 */
export async function readImageFile(image: LayeredImage, path: string): Promise<Buffer | undefined> {
  let wanted = posix.normalize(path).slice(1);
  for (let links = 0; links <= maxLinks; links++) {
    const found = await findInLayers(image, wanted);
    if (found === undefined || found === 'gone') return undefined;
    if ('bytes' in found) return found.bytes;
    if ('sameAs' in found) wanted = found.sameAs;
    // As in the image's own root: nothing is above it.
    else wanted = posix.resolve('/', posix.dirname(wanted), found.target).slice(1);
  }
  throw unsupported(image, `/${wanted}: its links go round`);
}

async function findInLayers(image: LayeredImage, path: string): Promise<Found> {
  for (const layer of image.layers.toReversed()) {
    const found = await findInLayer(image, layer, path);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function findInLayer(image: LayeredImage, layer: Descriptor, path: string): Promise<Found> {
  if (!isReadable(layer)) throw unsupported(image, `a layer is of type ${layer.mediaType}`);
  const hides = whiteoutsOf(path);
  let found: Found;
  try {
    // To its end, though the file was found: there its digest is checked.
    for await (const member of tarMembers(layerStream(layer, image.open(layer), maxLayerBytes))) {
      if (member.path === path && member.type !== '5') found = await contentOf(image, member);
      else if (hides.has(member.path)) found ??= 'gone';
    }
  } catch (error) {
    if (error instanceof TarError) throw unsupported(image, `layer ${layer.digest} cannot be read: ${error.message}`);
    throw error;
  }
  return found;
}

async function contentOf(image: LayeredImage, member: TarMember): Promise<Found> {
  if (member.type === '2') return { target: member.target };
  if (member.type === '1') return { sameAs: member.link };
  if (member.type !== '0' || member.size > maxFileBytes)
    throw unsupported(image, `/${member.path} is no file of at most ${maxFileBytes} bytes`);
  const pieces: Buffer[] = [];
  for await (const piece of member.bytes()) pieces.push(Buffer.from(piece));
  return { bytes: Buffer.concat(pieces) };
}

/** What takes a path away from the layers below (OCI image specification, "Whiteouts"): of it, and of each directory on its way. */
function whiteoutsOf(path: string): ReadonlySet<string> {
  const parts = path.split('/');
  return new Set(
    parts.flatMap((name, i) => {
      const directory = parts
        .slice(0, i)
        .map(part => `${part}/`)
        .join('');
      return [`${directory}.wh.${name}`, ...(i > 0 ? [`${directory}.wh..wh..opq`] : [])];
    }),
  );
}

function unsupported({ name }: LayeredImage, why: string): StallingError {
  return new StallingError('ImageUnsupported', `${name}: ${why}`);
}
