/** `scantling why` for people: the answer, what it waits for with since, until and what to do, and the chain. Pure. */
import { isTrouble } from './state.ts';
import type { View } from './status-view.ts';
import { painter } from './terminal.ts';
import { since, until } from './words.ts';
import type { Wait, WhyDocument } from './why-document.ts';

/** Until a wait began again; more of them would bury the first. */
const mostWaits = 4;

export function whyText({ answer, ok, waits, chain }: WhyDocument, view: View): string {
  const paint = painter(view.terminal);
  const lines = [paint(ok ? 'bold' : 'red', answer)];
  for (const wait of view.wide ? waits : waits.slice(0, mostWaits))
    lines.push('', ...waitLines(wait, view).map(line => `  ${line}`));
  lines.push('', paint('bold', 'The chain, backwards:'));
  const kinds = Math.max(...chain.map(l => l.kind.length));
  const names = Math.max(...chain.map(l => l.name.length));
  for (const { kind, name, says, state } of chain) {
    const mark = state === 'Ready' ? ' ' : paint(isTrouble({ state }) ? 'red' : 'yellow', '*');
    lines.push(`${mark} ${kind.padEnd(kinds)}   ${name.padEnd(names)}   ${says}`);
  }
  return `${lines.join('\n')}\n`;
}

function waitLines(wait: Wait, { now }: View): string[] {
  const began = since(wait.since, now);
  const ends = until(wait.until, now);
  return [
    `${wait.kind} ${wait.name}: ${wait.reason}: ${wait.message.replaceAll(/\s+/g, ' ').trim()}`,
    ...(began ? [`since: ${began}`] : []),
    ...(ends ? [`until: ${ends}`] : []),
    ...(wait.todo ? [`to do: ${wait.todo}`] : []),
  ];
}
