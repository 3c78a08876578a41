/** What `addon import` answers and writes, as documents. Their shape is described in docs/cli.md and stays. */
import type { ArchiveName } from '../addon/torcx/archive-name.ts';
import type { ImportedProfile } from '../addon/torcx/profile-manifest.ts';
import type { ImportWarning } from '../addon/torcx/warnings.ts';
import type { NamedSystem } from './addon-words.ts';

export interface ImportedContent {
  /** Of the SystemAddon. */
  name: string;
  archive: { image: string; reference: string; format: ArchiveName['format'] };
  platform: string;
  os: NamedSystem;
  allowSetuid: boolean;
  services: readonly string[];
  warnings: readonly ImportWarning[];
  files: number;
  links: number;
  layer: { digest: string; size: number };
  /** Of the image that the layer is in. */
  digest: string;
  /** That it was pushed to; '' when it was not. */
  repository: string;
  /** That it was written to; '' when it was not. */
  directory: string;
}

export interface AddonImport {
  kind: 'AddonImport';
  version: 1;
  name: string;
  archive: ImportedContent['archive'];
  /** Of the image with the content. */
  image: { reference?: string; digest: string; layer: ImportedContent['layer'] };
  files: number;
  links: number;
  directory?: string;
  warnings: readonly ImportWarning[];
  /** As it is applied. */
  addon: object;
}

/** The repository in a SystemAddon whose content is not in a registry yet. */
const unknownRepository = 'registry.example.com/addons';

export function importDocument(content: ImportedContent): AddonImport {
  const { name, archive, files, links, layer, digest, repository, directory, warnings } = content;
  return {
    kind: 'AddonImport',
    version: 1,
    name,
    archive,
    image: { ...(repository === '' ? {} : { reference: `${repository}@${digest}` }), digest, layer },
    files,
    links,
    ...(directory === '' ? {} : { directory }),
    warnings,
    addon: systemAddon(content),
  };
}

function systemAddon({ name, platform, os, digest, repository, services, allowSetuid }: ImportedContent): object {
  const place = repository === '' ? `${unknownRepository}/${name}` : repository;
  return {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'SystemAddon',
    metadata: { name },
    spec: {
      variants: [{ platform, os, source: { image: { reference: `${place}@${digest}` } } }],
      ...(services.length === 0 ? {} : { services }),
      ...(allowSetuid ? { allowSetuid } : {}),
      output: { repository: place },
    },
  };
}

/** The SystemAddon, to apply or to keep in Git. */
export async function addonYaml(content: ImportedContent): Promise<string> {
  const { stringify } = await import('yaml');
  const { repository, digest, name } = content;
  const push =
    repository === ''
      ? `# Push image/ first, to a registry of yours, and name that below:\n#   skopeo copy --preserve-digests oci:image docker://${unknownRepository}/${name}\n# Its digest is ${digest}.\n`
      : '';
  return `${push}${stringify(systemAddon(content))}`;
}

export interface ProfileImport {
  kind: 'ProfileImport';
  version: 1;
  torcxVersion: number;
  addons: ImportedProfile['entries'];
  wanted: ImportedProfile['wanted'];
  warnings: readonly string[];
}

export function profileDocument({ version, entries, wanted, warnings }: ImportedProfile): ProfileImport {
  return { kind: 'ProfileImport', version: 1, torcxVersion: version, addons: entries, wanted, warnings };
}

/** The part of a SystemPool that a profile becomes. */
export async function profileYaml({ entries }: ImportedProfile): Promise<string> {
  const { stringify } = await import('yaml');
  return stringify({ spec: { addons: entries } });
}
