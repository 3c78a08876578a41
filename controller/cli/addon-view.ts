/** Addons for people. Pure. */
import type { AddonList, AddonRow } from './addon-document.ts';
import type { View } from './status-view.ts';
import { table } from './table.ts';
import { line } from './trust-review.ts';
import { age } from './words.ts';

export function addonListText({ addons }: AddonList, view: View): string {
  if (addons.length === 0) return 'There is no SystemAddon.\n';
  const shown = table(
    addons,
    [
      { title: 'ADDON', of: a => a.name },
      { title: 'STATE', of: a => a.standing.state },
      { title: 'VARIANTS', of: a => `${a.made}/${a.variants.length}` },
      { title: 'SINCE', of: a => age(a.standing.since, view.now) },
      { title: 'STATUS', of: a => a.standing.message, flexible: true },
    ],
    view.wide ? undefined : view.terminal.width,
  );
  return `${shown.join('\n')}\n`;
}

/** An addon with everything in it. */
export function addonText({ name, standing, variants, services, requires }: AddonRow): string {
  const needs = [
    ...(requires.addons ?? []),
    ...(requires.systemd === undefined ? [] : [`systemd ${requires.systemd}`]),
    ...(requires.kernelModules ?? []).map(module => `module ${module}`),
    ...(requires.paths ?? []),
  ];
  return `${[
    line('Addon', name),
    line('Standing', `${standing.state}: ${standing.message}`),
    ...(services.length === 0 ? [] : [line('Starts', services.join(', '))]),
    ...(needs.length === 0 ? [] : [line('Requires', needs.join(', '))]),
    ...variants.flatMap(variant => [
      '',
      line('Variant', variant.for),
      line('Image', variant.image ?? 'none yet'),
      ...(variant.digest === undefined ? [] : [line('File', `${variant.digest}, ${variant.size ?? 0} bytes`)]),
      ...(variant.source === undefined ? [] : [line('Made of', variant.source)]),
      ...(variant.reason === undefined ? [] : [line('Trouble', `${variant.reason}: ${variant.message ?? ''}`)]),
    ]),
  ].join('\n')}\n`;
}
