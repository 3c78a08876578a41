import type { SystemDefinitionSpecPackages } from '../api/system-definition.ts';
import { renderRepositories } from './package-repositories.ts';
import type { Problems } from './problems.ts';
import type { TarEntry } from './tar.ts';

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

const newLine = ' \\\n      ';

/**
 * One RUN, so that no layer holds what a later step removes. What is removed goes first: what is asked for is there in the end.
 * @returns the instructions, and the files of the build context that they copy.
 */
export function renderPackages(
  packages: SystemDefinitionSpecPackages,
  problems: Problems,
): { instructions: string; entries: TarEntry[] } {
  const { install = [], remove = [] } = packages;
  for (const name of install.filter(name => remove.includes(name))) {
    problems.add('spec.packages', `${name} is both installed and removed`);
  }
  const manager = managers[packages.manager];
  const repositories = renderRepositories(packages, problems);
  const commands = [
    'export LC_ALL=C.UTF-8',
    ...manager.before,
    // Asked for the key of a repository, zypper without a person says no.
    ...(packages.manager === 'zypper' && repositories.keys.length > 0 ? [`rpm --import${quoted(repositories.keys)}`] : []),
    ...(remove.length > 0 ? [`${manager.remove}${quoted(remove)}`] : []),
    ...(install.length > 0 ? [`${manager.install}${quoted(install)}`] : []),
    ...manager.after,
    'rm -f /var/cache/ldconfig/aux-cache',
    ...(repositories.remove.length > 0 ? [`rm -f${quoted(repositories.remove)}`] : []),
  ];
  return { instructions: `${repositories.copies}RUN ${commands.join(' && \\\n    ')}\n`, entries: repositories.entries };
}

/** Words for a shell, a line each. The schema lets no quote into a package's or repository's name. */
function quoted(names: readonly string[]): string {
  return names
    .toSorted()
    .map(name => `${newLine}'${name}'`)
    .join('');
}
