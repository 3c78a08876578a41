/**
 * `npm run release:chart -- IMAGES OUT [oci://REPOSITORY]`: the chart of this checkout with the images of a release in its values, by digest,
 * packed into the directory OUT and pushed where that is said. IMAGES is what `npm run image -- --push … --json` prints.
 */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { helm } from '../cluster/helm.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';

const root = join(import.meta.dirname, '../..');

interface Image {
  /** With its tag. */
  name: string;
  digest: string;
}

/** The two images of a release by what they are for. Throws when it is another list. */
function imagesOf(text: string): { controller: Image; builder: Image } {
  const images = JSON.parse(text) as Image[];
  const [controller, builder, ...more] = images;
  if (!controller || !builder || more.length > 0 || !images.every(({ digest }) => /^sha256:[0-9a-f]{64}$/.test(digest)))
    throw new Error('the list of images is not that of `npm run image -- --push … --json` for both targets');
  return { controller, builder };
}

const repositoryOf = (name: string) => name.slice(0, name.lastIndexOf(':'));

/** Writes into a copy of the chart where its images are. Comments stay. */
function setImages(chart: string, { controller, builder }: { controller: Image; builder: Image }): void {
  const valuesFile = join(chart, 'values.yaml');
  const values = parseDocument(readFileSync(valuesFile, 'utf8'));
  for (const [path, { name, digest }] of [[['image'], controller] as const, [['builder', 'image'], builder] as const]) {
    values.setIn([...path, 'repository'], repositoryOf(name));
    values.setIn([...path, 'digest'], digest);
  }
  writeFileSync(valuesFile, values.toString({ lineWidth: 0 }));
  const chartFile = join(chart, 'Chart.yaml');
  const document = parseDocument(readFileSync(chartFile, 'utf8'));
  const list = [controller, builder].map(
    ({ name, digest }, i) => `- name: scantling${i ? '-builder' : ''}\n  image: ${name}@${digest}\n`,
  );
  document.setIn(['annotations', 'artifacthub.io/images'], list.join(''));
  writeFileSync(chartFile, document.toString({ lineWidth: 0 }));
}

/** Returns the packed chart's path. Throws with what Helm said. */
async function release(imagesFile: string, out: string, push: string | undefined): Promise<string> {
  const work = temporaryDirectory('chart');
  try {
    const chart = join(work, 'scantling');
    // Links lead to crds/ and manifests/, which are not beside the copy.
    cpSync(join(root, 'charts/scantling'), chart, { recursive: true, dereference: true });
    setImages(chart, imagesOf(readFileSync(imagesFile, 'utf8')));
    await helm(['lint', '--strict', chart]);
    mkdirSync(out, { recursive: true });
    const { stdout } = await helm(['package', chart, '--destination', resolve(out)]);
    const packed = stdout.trim().split(' ').at(-1) ?? '';
    // Logins are those of `docker login`; a registry of the tests has no TLS.
    const env = { DOCKER_CONFIG: process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker') };
    const plain = /^oci:\/\/127\.0\.0\.1[:/]/.test(push ?? '') ? ['--plain-http'] : [];
    if (push !== undefined) {
      const said = await helm(['push', packed, push, ...plain], { env });
      process.stderr.write(said.stdout + said.stderr);
    }
    return packed;
  } finally {
    removeDirectory(work);
  }
}

const [images, out, push, ...rest] = process.argv.slice(2);
if (images === undefined || out === undefined || rest.length > 0) {
  console.error('usage: npm run release:chart -- IMAGES OUT [oci://REPOSITORY]');
  process.exitCode = 2;
} else {
  console.log(await release(images, out, push));
}
