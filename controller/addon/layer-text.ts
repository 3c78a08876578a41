/** Small files of an image, from its layers. */
import { StallingError } from '../api/errors.ts';
import type { Descriptor } from '../registry/media-types.ts';
import { isReadable, layerStream } from '../trust/layer-stream.ts';
import { TarError, type TarMember, tarMembers } from '../trust/tar-members.ts';
import type { AddonReason } from './reasons.ts';

const maxBytes = 65_536;
const maxUnpackedBytes = 16 * 1024 ** 3;

export interface Layers {
  /** Lowest first. */
  layers: readonly Descriptor[];
  /** The bytes of one. */
  open: (layer: Descriptor) => AsyncIterable<Uint8Array>;
}

/** What a layer says of a file; nothing of most. */
type Found = { text: string } | { link: string } | 'gone';

/**
 * The texts of files, by their paths; those that the image has not, or that are no plain files of at most 64 KiB, are not in it. Layers are read from the top until each was found,
 * and of the last one no more than it takes.
 * @param paths absolute
 * @throws StallingError `ImageUnsupported` for a layer that cannot be read; what `open` throws
 */
export async function readLayerFiles(image: Layers, paths: readonly string[]): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  let left = paths;
  for (const layer of image.layers.toReversed()) {
    if (left.length === 0) break;
    const found = await lookInto(image, layer, left.map(inTar));
    for (const path of left) {
      const first = found.get(inTar(path));
      if (first === undefined || first === 'gone') continue;
      // Images of ostree have each file once in their store, and under its own name as another name of that.
      const whole = 'link' in first ? (await lookInto(image, layer, [first.link])).get(first.link) : first;
      if (whole !== undefined && whole !== 'gone' && 'text' in whole) texts.set(path, whole.text);
    }
    left = left.filter(path => !found.has(inTar(path)));
  }
  return texts;
}

function inTar(path: string): string {
  return path.slice(1);
}

async function lookInto({ open }: Layers, layer: Descriptor, wanted: readonly string[]): Promise<Map<string, Found>> {
  if (!isReadable(layer))
    throw unsupported(`layer ${layer.digest} has the type ${JSON.stringify(layer.mediaType.slice(0, 128))}`);
  const whiteouts = new Map(wanted.map(path => [path, whiteoutsOf(path)]));
  const found = new Map<string, Found>();
  try {
    for await (const member of tarMembers(layerStream(layer, open(layer), maxUnpackedBytes))) {
      for (const [path, hiding] of whiteouts) if (hiding.has(member.path) && !found.has(path)) found.set(path, 'gone');
      if (!whiteouts.has(member.path)) continue;
      found.set(member.path, await contentOf(member));
      whiteouts.delete(member.path);
      if (whiteouts.size === 0) break;
    }
  } catch (error) {
    if (error instanceof TarError) throw unsupported(`layer ${layer.digest}: ${error.message}`);
    throw error;
  }
  return found;
}

async function contentOf(member: TarMember): Promise<Found> {
  if (member.type === '1') return { link: member.link };
  if ((member.type !== '0' && member.type !== '') || member.size > maxBytes) return 'gone';
  const chunks: Uint8Array[] = [];
  for await (const chunk of member.bytes()) chunks.push(chunk);
  return { text: Buffer.concat(chunks).toString('utf8') };
}

/** What takes a file away from the layers below (OCI image specification, "Whiteouts"): itself, or a directory on its way, or all that this had. */
function whiteoutsOf(path: string): ReadonlySet<string> {
  const parts = path.split('/');
  const own = parts.map((name, i) => [...parts.slice(0, i), `.wh.${name}`].join('/'));
  const opaque = parts.slice(1).map((_, i) => [...parts.slice(0, i + 1), '.wh..wh..opq'].join('/'));
  return new Set([...own, ...opaque]);
}

function unsupported(message: string): StallingError {
  return new StallingError('ImageUnsupported' satisfies AddonReason, message);
}
