/** Where the boot scripts and units are in an image. Pure. */
import { hostAddonFiles } from './files.ts';
import { programPath } from './seal.ts';

/** A file (mode and text) or a symbolic link of an image. */
export type HostAddonPlacement = { path: string } & ({ mode: number; text: string } | { link: string });

const program = '/usr/libexec/scantling';
const units = '/usr/lib/systemd/system';

/** What the agent runs on the host: `scantling-addons live`. */
export const addonsProgram = `/${programPath}`;

/** The units that begin by themselves, and the target that wants them. */
const wanted = {
  'scantling-addons.service': 'sysinit.target',
  'scantling-addons-seal.service': 'sysinit.target',
  'scantling-addons.target': 'multi-user.target',
} as const;

/**
 * What an image needs so that its hosts merge addons.
 * @param o `required`: a boot counts as complete (boot-complete.target) only with all addons merged, for greenboot or boot counting
 */
export function hostAddonPlacements(o: { required: boolean }): HostAddonPlacement[] {
  const scripts = Object.entries(hostAddonFiles).flatMap(([file, text]) => {
    if (!file.startsWith('scripts/')) return [];
    const path = `${program}/${file.slice('scripts/'.length)}`;
    return [{ path, mode: path === addonsProgram ? 0o755 : 0o644, text }];
  });
  const services = Object.entries(wanted).flatMap(([unit, target]) => [
    { path: `${units}/${unit}`, mode: 0o644, text: hostAddonFiles[`units/${unit as keyof typeof wanted}`] },
    { path: `${units}/${target}.wants/${unit}`, link: `../${unit}` },
  ]);
  const required = [
    {
      path: `${units}/boot-complete.target.d/50-scantling-addons.conf`,
      mode: 0o644,
      text: hostAddonFiles['units/boot-complete.conf'],
    },
    {
      path: '/usr/lib/greenboot/check/required.d/50-scantling-addons.sh',
      mode: 0o755,
      text: hostAddonFiles['units/greenboot-check.sh'],
    },
  ];
  return [...scripts, ...services, ...(o.required ? required : [])];
}
