/** `scantling status` for people: the first line answers, the rest is where to look. Pure. */
import type { StatusDocument } from './status-document.ts';
import { isTrouble, type Standing, type State } from './state.ts';
import { table, type Column } from './table.ts';
import { painter, type Paint, type Terminal } from './terminal.ts';
import { age, count, fullName, shortName, until } from './words.ts';

export interface View {
  terminal: Terminal;
  now: number;
  /** Nothing is cut or left out. */
  wide: boolean;
  /** Nodes that are well are shown too. */
  everyNode?: boolean;
}

const styles: Readonly<Record<State, Parameters<Paint>[0]>> = {
  Ready: 'green',
  Moving: 'yellow',
  Retrying: 'red',
  Stalled: 'red',
  Ended: 'dim',
  Suspended: 'dim',
  Unseen: 'red',
};

export function statusText(status: StatusDocument, view: View): string {
  const paint = painter(view.terminal);
  const first = paint(status.ok ? (status.summary.startsWith('Moving') ? 'yellow' : 'green') : 'red', status.summary);
  const lines = [first, ...troubleLines(status, view, paint)];
  const section = (title: string, rows: readonly string[]): void => {
    if (rows.length > 1) lines.push('', paint('bold', title), ...rows.map(r => `  ${r}`));
  };
  const width = view.wide || view.terminal.width === undefined ? undefined : view.terminal.width - 2;
  const standing = columnsOf(view, paint);
  const system = view.wide ? fullName : shortName;
  const name = { title: 'NAME', of: (row: { name: string }) => row.name };
  const revision = { title: 'REVISION', of: (row: { revision?: string }) => (view.wide ? (row.revision ?? '') : shortOf(row)) };
  const image = {
    title: 'IMAGE',
    of: (row: { image?: string }) => (view.wide ? (row.image ?? '') : shortName({ image: row.image })),
  };
  section('Sources', table(status.sources, [name, revision, ...standing], width));
  section(
    'Definitions',
    table(
      status.definitions,
      [
        name,
        { title: 'SOURCE', of: d => d.source ?? '' },
        revision,
        image,
        { title: 'BUILD', of: d => d.build ?? '' },
        ...standing,
      ],
      width,
    ),
  );
  const builds = view.wide ? status.builds : status.builds.filter(b => b.state !== 'Ready');
  section(
    view.wide ? 'Builds' : 'Builds that are not done',
    table(
      builds,
      [name, { title: 'PHASE', of: b => b.phase }, { title: 'STARTED', of: b => age(b.started, view.now) }, ...standing],
      width,
    ),
  );
  section(
    'Pools',
    table(
      status.pools,
      [
        name,
        { title: 'TARGET', of: p => system(p) },
        { title: 'NODES', of: p => `${p.nodes.updated}/${p.nodes.total}` },
        { title: 'UNAVAILABLE', of: p => (p.nodes.unavailable > 0 ? String(p.nodes.unavailable) : '') },
        { title: 'UNTIL', of: p => (p.state === 'Ready' ? '' : (until(p.until, view.now)?.replace(/ \(.*\)/, '') ?? '')) },
        ...standing,
      ],
      width,
    ),
  );
  const every = view.wide || view.everyNode === true;
  const shown = every ? status.nodes : status.nodes.filter(n => !n.done);
  section(
    every ? 'Nodes' : 'Nodes that are behind or in trouble',
    table(
      shown,
      [
        name,
        { title: 'POOL', of: n => n.pool },
        { title: 'RUNS', of: n => system(n.booted) },
        { title: 'WANTS', of: n => system(n.target) },
        ...standing,
      ],
      width,
    ),
  );
  section('Addons', table(status.addons, [name, { title: 'READY', of: a => a.ready }, ...standing], width));
  section(
    'Trust policies',
    table(
      status.policies,
      [
        name,
        { title: 'SCOPE', of: p => p.scope },
        { title: 'SIGNS', of: p => p.subjects.join(',') },
        { title: 'MODE', of: p => p.mode },
        { title: 'PENDING', of: p => (p.pendingKeys > 0 ? String(p.pendingKeys) : '') },
        ...standing,
      ],
      width,
    ),
  );
  return `${lines.join('\n')}\n`;
}

function troubleLines({ trouble }: StatusDocument, { wide }: View, paint: Paint): string[] {
  const most = wide ? trouble.length : 5;
  const lines = trouble.slice(0, most).map(t => {
    const about = t.kind === 'Lease' ? '' : `${t.kind} ${t.name}: `;
    return `  ${about}${paint('red', t.reason)}: ${t.message.replaceAll(/\s+/g, ' ').trim()}`;
  });
  const rest = trouble.length - most;
  const asked = trouble.find(t => t.kind !== 'Lease');
  return [
    ...lines,
    ...(rest > 0 ? [`  and ${count(rest, 'more thing')}; -o wide shows all`] : []),
    ...(asked ? [`  scantling why ${whyWord(asked.kind)}/${asked.name} says what to do`] : []),
  ];
}

/** The word for a kind that commands take. */
export function whyWord(kind: string): string {
  return kind === 'ImageBuild' ? 'build' : kind.replace(/^System/, '').toLowerCase();
}

function columnsOf({ now }: View, paint: Paint): Column<Standing>[] {
  return [
    { title: 'STATE', of: row => row.state, paint: (row, text) => paint(styles[row.state], text) },
    { title: 'SINCE', of: row => age(row.since, now) },
    { title: 'SAYS', of: row => (isTrouble(row) ? `${row.reason}: ${row.message}` : row.message), flexible: true },
  ];
}

function shortOf({ revision }: { revision?: string }): string {
  return revision === undefined ? '' : shortName({ revision });
}
