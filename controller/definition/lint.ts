/**
 * The rules of `bootc container lint` (bootc, crates/lib/src/lints.rs), and of what bootc reads when it stages, that can be judged on the
 * files of a definition alone. Each finding starts with the name of its rule. The rest is for the real one, which runs in the image. Pure.
 */
import { posix } from 'node:path';
import { quote } from './image-path.ts';
import type { Placement } from './image-tree.ts';
import { checkKernelArgumentsFile } from './kernel-arguments-file.ts';

type Rule = (placements: readonly Placement[], byPath: ReadonlyMap<string, Placement>) => Finding[];

interface Finding {
  rule: string;
  placement: Placement;
  message: string;
}

const rules: readonly Rule[] = [kernelArguments, kernels, composefs, accounts, injected, names, boundImages];

/** What bootc's lint would say of an image with these files, sorted by rule. */
export function lintPlan(placements: readonly Placement[]): string[] {
  const byPath = new Map(placements.map(placement => [placement.path, placement]));
  return rules
    .flatMap(rule => rule(placements, byPath))
    .map(({ rule, placement, message }) => `${rule}: ${placement.field}: ${placement.path}: ${message}`)
    .toSorted();
}

/** The file as text; undefined for a link. */
function textOf({ content }: Placement): string | undefined {
  return 'bytes' in content ? new TextDecoder().decode(content.bytes) : undefined;
}

function below(placements: readonly Placement[], directory: string): Placement[] {
  return placements.filter(({ path }) => posix.dirname(path) === directory);
}

function kernelArguments(placements: readonly Placement[]): Finding[] {
  return below(placements, '/usr/lib/bootc/kargs.d').flatMap((placement): Finding[] => {
    const finding = (message: string): Finding[] => [{ rule: 'bootc-kargs', placement, message }];
    if (!placement.path.endsWith('.toml')) return finding('bootc reads files that end in .toml only');
    const text = textOf(placement);
    const wrong = text === undefined ? undefined : checkKernelArgumentsFile(text);
    return wrong ? finding(`line ${wrong.line}: ${wrong.message}`) : [];
  });
}

function kernels(placements: readonly Placement[]): Finding[] {
  const [first] = placements.filter(({ path }) => /^\/usr\/lib\/modules\/[^/]+\/vmlinuz$/.test(path));
  const message = 'an image has one kernel, and the base has it already; bring another by a base of your own';
  return first ? [{ rule: 'kernel', placement: first, message }] : [];
}

/** ostree-prepare-root(1): a later place wins. */
function composefs(_: readonly Placement[], byPath: ReadonlyMap<string, Placement>): Finding[] {
  const paths = ['/etc/ostree/prepare-root.conf', '/usr/lib/ostree/prepare-root.conf'];
  return paths.flatMap(path => {
    const placement = byPath.get(path);
    const text = placement && textOf(placement);
    if (!placement || text === undefined) return [];
    const section = /^\[composefs\][^\n]*\n([^[]*)/m.exec(text)?.[1] ?? '';
    if (/^[ \t]*enabled[ \t]*=[ \t]*(yes|true|1|signed|verity)[ \t]*$/m.test(section)) return [];
    return [{ rule: 'baseimage-composefs', placement, message: 'does not enable composefs: [composefs], enabled = true' }];
  });
}

/** Accounts that a file brings by hand: sysusers.d makes the same ones anew on hosts whose /etc has changed. */
function accounts(placements: readonly Placement[], byPath: ReadonlyMap<string, Placement>): Finding[] {
  const files = below(placements, '/usr/lib/sysusers.d').concat(below(placements, '/etc/sysusers.d'));
  const lines = files.filter(({ path }) => path.endsWith('.conf')).flatMap(file => (textOf(file) ?? '').split('\n'));
  const declared = new Set(lines.flatMap(line => /^\s*[ug]!?\s+(\S+)/.exec(line)?.[1] ?? []));
  return ['/etc/passwd', '/etc/group', '/usr/lib/passwd', '/usr/lib/group'].flatMap(path => {
    const placement = byPath.get(path);
    const text = placement && textOf(placement);
    if (!placement || text === undefined) return [];
    const entries = text.split('\n').flatMap(line => /^([^:#\s]+):/.exec(line)?.[1] ?? []);
    const missing = entries.filter(name => name !== 'root' && !declared.has(name));
    if (missing.length === 0) return [];
    const more = missing.length > 5 ? ` and ${missing.length - 5} more` : '';
    const message = `${missing.slice(0, 5).map(quote).join(', ')}${more} without an entry in sysusers.d; use spec.users`;
    return [{ rule: 'sysusers', placement, message }];
  });
}

/** What container engines leave behind in images. */
function injected(_: readonly Placement[], byPath: ReadonlyMap<string, Placement>): Finding[] {
  return ['/etc/hostname', '/etc/resolv.conf'].flatMap(path => {
    const placement = byPath.get(path);
    if (!placement || !('bytes' in placement.content) || placement.content.bytes.length > 0) return [];
    return [{ rule: 'buildah-injected', placement, message: 'is empty; leave it out' }];
  });
}

/** A name that was not UTF-8 in Git has this character in place of what could not be read. */
function names(placements: readonly Placement[]): Finding[] {
  return placements
    .filter(({ path, content }) => path.includes('\ufffd') || ('link' in content && content.link.includes('\ufffd')))
    .map(placement => ({ rule: 'utf8', placement, message: 'the name or the target of the link is not UTF-8' }));
}

/** bootc stops at anything else in this directory when it stages (bootc, crates/lib/src/boundimage.rs). */
function boundImages(placements: readonly Placement[], byPath: ReadonlyMap<string, Placement>): Finding[] {
  return below(placements, '/usr/lib/bootc/bound-images.d').flatMap((placement): Finding[] => {
    const finding = (message: string): Finding[] => [{ rule: 'bound-images', placement, message }];
    const { content, path } = placement;
    if (!('link' in content)) return finding('must be a symbolic link to a .image or .container file of podman');
    const target = posix.resolve(posix.dirname(path), content.link);
    if (!/\.(image|container)$/.test(target))
      return finding(`links to ${target}, which ends neither in .image nor in .container`);
    const file = byPath.get(target);
    const text = file && textOf(file);
    if (text === undefined) return [];
    const image = /^Image[ \t]*=[ \t]*(\S+)[ \t]*$/m.exec(text)?.[1];
    if (image === undefined) return finding(`${target} has no Image=`);
    if (image.replaceAll('%%', '').includes('%'))
      return finding(`Image= of ${target} has a specifier, which bootc does not read`);
    if (target.endsWith('.image') && /^AuthFile[ \t]*=/m.test(text)) return finding(`AuthFile= of ${target} is refused by bootc`);
    return image.includes('@sha256:') ? [] : finding(`Image= of ${target} is not pinned by a digest`);
  });
}
