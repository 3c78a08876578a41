/** What `addon check` says to people. Pure. */
import type { AddonCheck, PlatformCheck } from './addon-check-document.ts';
import { painter, type Terminal } from './terminal.ts';
import { count } from './words.ts';

export function checkText(check: AddonCheck, terminal: Terminal): string {
  const paint = painter(terminal);
  const { ok, entries, masked, image, profile, platforms, nodes } = check;
  const bad = [
    ...platforms.filter(of => !of.ok).map(of => of.platform),
    ...nodes.filter(of => !of.ok).map(of => `node ${of.node}`),
  ];
  const says = ok
    ? `${count(entries.length, 'addon')} of ${profile} ${entries.length === 1 ? 'is' : 'are'} there for ${image}`
    : `${profile} cannot be given with ${image} on ${bad.join(' and ')}`;
  return `${[
    `${paint(ok ? 'green' : 'red', ok ? 'Ready' : 'Not ready')}: ${says}`,
    ...(masked.length === 0 ? [] : [`Taken away: ${masked.join(', ')}`]),
    ...platforms.flatMap(of => platformLines(of)),
    ...nodes.flatMap(of => platformLines(of, `node ${of.node}, `)),
  ].join('\n')}\n`;
}

function platformLines({ platform, os, addons, set, problems, note }: PlatformCheck, before = ''): string[] {
  const version = os.versionId === undefined ? '' : ` ${os.versionId}`;
  return [
    '',
    `${before}${platform}, ${os.id}${version}${set === undefined ? '' : `, set ${set}`}`,
    ...addons.map(({ name, image, size }) => `  ${name}: ${image}, ${size} bytes`),
    ...(note === undefined ? [] : [`  ${note}`]),
    ...problems.map(({ name, reason, message }) => `  ${name}: ${reason}: ${message}`),
  ];
}
