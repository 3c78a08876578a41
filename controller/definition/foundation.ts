import type { SystemDefinitionSpec, SystemDefinitionSpecPackages } from '../api/system-definition.ts';
import { foundationDigest } from '../build/context.ts';
import type { Foundation } from '../build/context.ts';
import type { Problems } from './problems.ts';

/** The steps that run in the image: packages or the inline Containerfile, then what only `systemctl enable` can enable. */
export function renderFoundation(
  spec: SystemDefinitionSpec,
  enable: readonly string[],
  problems: Problems,
): Foundation | undefined {
  const steps: string[] = [];
  if (spec.packages && spec.containerfile)
    problems.add('spec.containerfile', 'excludes spec.packages; install the packages in it');
  if (spec.packages) steps.push(renderPackages(spec.packages, problems));
  if (spec.containerfile) {
    const { inline = '' } = spec.containerfile;
    checkInstructions(inline, problems);
    steps.push(`${inline.replace(/\s+$/, '')}\n`);
  }
  // The exec form does without a shell, which a Containerfile may have changed.
  if (enable.length > 0) steps.push(`RUN ${JSON.stringify(['systemctl', 'enable', '--', ...enable])}\n`);
  if (steps.length === 0) return undefined;
  const containerfile = `ARG SCANTLING_BASE\nFROM \${SCANTLING_BASE} AS base\n${steps.join('')}`;
  const inputs = { containerfile, args: {}, secrets: [] };
  return { ...inputs, digest: foundationDigest(inputs) };
}

interface PackageManager {
  before: string[];
  remove: string;
  install: string;
  /** Caches, histories and logs: what differs between two equal runs, and what bootc's lint warns of. */
  after: string[];
}

const managers: Record<SystemDefinitionSpecPackages['manager'], PackageManager> = {
  dnf: {
    before: [],
    remove: 'dnf -y remove',
    install: 'dnf -y --setopt=install_weak_deps=False install',
    after: [
      'dnf clean all',
      'rm -rf /var/cache/dnf /var/cache/libdnf5 /var/cache/yum /var/lib/dnf /var/log/dnf*.log /var/log/hawkey.log',
    ],
  },
  apt: {
    before: ['export DEBIAN_FRONTEND=noninteractive', 'apt-get update'],
    remove: 'apt-get -y purge',
    install: 'apt-get -y -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold --no-install-recommends install',
    after: [
      'apt-get clean',
      'rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/log/apt /var/log/dpkg.log /var/log/alternatives.log',
    ],
  },
  zypper: {
    before: [],
    remove: 'zypper --non-interactive remove',
    install: 'zypper --non-interactive install --no-recommends',
    after: ['zypper clean --all', 'rm -rf /var/cache/zypp /var/log/zypp /var/log/zypper.log'],
  },
};

/** One RUN, so that no layer holds what a later step removes. What is removed goes first: what is asked for is there in the end. */
function renderPackages(packages: SystemDefinitionSpecPackages, problems: Problems): string {
  const { install = [], remove = [] } = packages;
  for (const name of install.filter(name => remove.includes(name))) {
    problems.add('spec.packages', `${name} is both installed and removed`);
  }
  const manager = managers[packages.manager];
  const commands = [
    'export LC_ALL=C.UTF-8',
    ...manager.before,
    ...(remove.length > 0 ? [`${manager.remove} ${quoted(remove)}`] : []),
    ...(install.length > 0 ? [`${manager.install} ${quoted(install)}`] : []),
    ...manager.after,
    'rm -f /var/cache/ldconfig/aux-cache',
  ];
  return `RUN ${commands.join(' && \\\n    ')}\n`;
}

/** The schema lets no quote into a package name. */
function quoted(names: readonly string[]): string {
  return names
    .toSorted()
    .map(name => `'${name}'`)
    .join(' ');
}

/** The base is the only stage: another FROM would replace it. */
function checkInstructions(inline: string, problems: Problems): void {
  let heredocs: string[] = [];
  let continued = false;
  inline.split(/\r?\n/).forEach((line, i) => {
    if (heredocs.length > 0) {
      if (line.replace(/^\t+/, '') === heredocs[0]) heredocs = heredocs.slice(1);
      return;
    }
    // Comment and empty lines do not end a continued instruction (Dockerfile reference, "Format").
    if (/^\s*(#|$)/.test(line)) return;
    if (!continued && /^\s*from\s/i.test(line)) {
      problems.add('spec.containerfile.inline', `line ${i + 1}: FROM is given by spec.base; leave it out`);
    }
    continued = /\\\s*$/.test(line);
    if (/^\s*(run|copy|add)\s/i.test(line)) heredocs = [...line.matchAll(/<<-?(["']?)(\w+)\1/g)].map(match => match[2] ?? '');
  });
}
