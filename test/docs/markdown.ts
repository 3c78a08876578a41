/** What tests need to know of our Markdown: its code blocks, its links and the anchors that links can name. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../..');

export interface Page {
  /** From the repository's root. */
  path: string;
  text: string;
}

export interface Block {
  path: string;
  /** Of its first fence, from 1. */
  line: number;
  /** `yaml`, `sh`; '' when the fence names none. */
  language: string;
  /** What the fence says after the language. */
  info: string;
  /** Without the fence's own indentation. */
  text: string;
}

export interface Link {
  path: string;
  line: number;
  target: string;
}

/** All pages that Git knows or would take, new ones included. */
export function pages(): Page[] {
  const list = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate', '-z', '*.md'], {
    cwd: root,
    encoding: 'utf8',
  });
  return list.split('\0').flatMap(path => {
    if (path === '') return [];
    try {
      return [{ path, text: readFileSync(join(root, path), 'utf8') }];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []; // removed, and not committed yet
      throw error;
    }
  });
}

interface Line {
  number: number;
  text: string;
  /** In a block, or one of its fences. */
  code: boolean;
}

interface Fence {
  mark: string;
  indent: number;
  rest: string;
}

function fenceOf(line: string): Fence | undefined {
  const [, blanks = '', mark, rest = ''] = /^( *)(`{3,}|~{3,})([^`]*)$/.exec(line) ?? [];
  return mark === undefined ? undefined : { mark, indent: blanks.length, rest: rest.trim() };
}

const unindented = (line: string, by: number) => line.slice(Math.min(by, line.length - line.trimStart().length));

function read({ path, text }: Page): { lines: Line[]; blocks: Block[] } {
  const lines: Line[] = [];
  const blocks: Block[] = [];
  let open: { fence: Fence; block: Block; body: string[] } | undefined;
  for (const [i, each] of text.split('\n').entries()) {
    const fence = fenceOf(each);
    lines.push({ number: i + 1, text: each, code: open !== undefined || fence !== undefined });
    if (open && fence?.rest === '' && fence.mark.startsWith(open.fence.mark)) {
      blocks.push({ ...open.block, text: open.body.join('\n') });
      open = undefined;
    } else if (open) {
      open.body.push(unindented(each, open.fence.indent));
    } else if (fence) {
      const [language = '', ...info] = fence.rest.split(/\s+/);
      open = { fence, block: { path, line: i + 1, language, info: info.join(' '), text: '' }, body: [] };
    }
  }
  if (open) throw new Error(`${path}:${open.block.line}: the block is not closed`);
  return { lines, blocks };
}

/** The fenced blocks of a page, in its order. Throws on one that is not closed. */
export function blocksOf(page: Page): Block[] {
  return read(page).blocks;
}

const withoutCode = (text: string) => text.replaceAll(/`+[^`]*`+/g, '');

/** The targets of links and images, in text and in references; not those in code. */
export function linksOf(page: Page): Link[] {
  return read(page)
    .lines.filter(({ code }) => !code)
    .flatMap(({ number, text }) => {
      const plain = withoutCode(text);
      const inline = [...plain.matchAll(/\]\((?:<([^>]+)>|([^()\s]+(?:\([^()\s]*\)[^()\s]*)*))(?:\s+"[^"]*")?\)/g)];
      const reference = /^ {0,3}\[[^\]]+\]:\s+(\S+)/.exec(plain);
      return [...inline.map(match => match[1] ?? match[2] ?? ''), ...(reference ? [reference[1] ?? ''] : [])].map(target => ({
        path: page.path,
        line: number,
        target,
      }));
    });
}

/** The anchors of a page as GitHub makes them of its headings, and those that it sets itself. */
export function anchorsOf(page: Page): Set<string> {
  const anchors = new Set<string>();
  const seen = new Map<string, number>();
  for (const { text, code } of read(page).lines) {
    if (code) continue;
    for (const match of text.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(match[1] ?? '');
    const heading = /^ {0,3}#{1,6} +(.*?)(?: +#+)?\s*$/.exec(text)?.[1];
    if (heading === undefined) continue;
    const anchor = anchorOf(heading);
    const count = seen.get(anchor) ?? 0;
    seen.set(anchor, count + 1);
    anchors.add(count === 0 ? anchor : `${anchor}-${count}`);
  }
  return anchors;
}

/** Letters, digits, hyphens and underscores of what is shown of a heading; blanks become hyphens. */
function anchorOf(heading: string): string {
  return heading
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-');
}
