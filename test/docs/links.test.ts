/** Every link in the documentation leads somewhere, and the files and scripts that pages name are there. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { anchorsOf, blocksOf, linksOf, type Page, pages, root } from './markdown.ts';

const all = pages();
const byPath = new Map(all.map(page => [page.path, page]));

/** What is wrong with a relative link, undefined when it resolves. */
function trouble(from: string, target: string): string | undefined {
  const [file = '', anchor] = target.split('#');
  const path = file === '' ? from : normalize(join(dirname(from), decodeURIComponent(file)));
  if (path.startsWith('..')) return 'leads out of the repository';
  if (!existsSync(join(root, path))) return `${path} is not there`;
  if (anchor === undefined) return undefined;
  const page = byPath.get(path);
  if (!page) return statSync(join(root, path)).isFile() ? `${path} is no page, and has no anchors` : `${path} is a directory`;
  return anchorsOf(page).has(anchor) ? undefined : `${path} has no heading for #${anchor}`;
}

describe('links', () => {
  for (const page of all) {
    test(page.path, () => {
      const broken = linksOf(page)
        .filter(({ target }) => !/^[a-z][a-z+.-]*:/i.test(target))
        .flatMap(({ line, target }) => {
          const what = trouble(page.path, target);
          return what === undefined ? [] : [`${page.path}:${line}: ${target}: ${what}`];
        });
      assert.deepEqual(broken, []);
    });
  }
});

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };

/** `npm run NAME`, `npm test`, in text and in blocks. */
function scriptsNamedBy({ text }: Page): string[] {
  const run = [...text.matchAll(/npm run ([a-z][\w:-]*)/g)].map(match => match[1] ?? '');
  return [...new Set([...run, ...(/npm test\b/.test(text) ? ['test'] : [])])];
}

/** What is written as code and looks like a file or folder of this repository: its first part is one of ours. */
function pathsNamedBy({ text }: Page): string[] {
  const ours = /^(?:\.github|charts|controller|crds|docs|manifests|test)(?:\/|$)/;
  return [...text.matchAll(/`([^`\s]+)`/g)]
    .map(match => (match[1] ?? '').replace(/\/$/, ''))
    .filter(path => (ours.test(path) && path.includes('/')) || /^[A-Za-z.-]+\.(?:md|json|ts|mjs|yaml)$/.test(path));
}

const fileNames = new Set(
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
    .split('\n')
    .map(path => basename(path)),
);

/** `{a,b}` and `*` as a shell has them; `<name>` stands for any name, and a name without a folder for a file anywhere. */
function isThere(path: string): boolean {
  const braces = /^(.*?)\{([^}]+)\}(.*)$/.exec(path);
  if (braces) return (braces[2] ?? '').split(',').every(each => isThere(`${braces[1]}${each}${braces[3]}`));
  if (!path.includes('/')) return fileNames.has(path);
  const fixed = path.split(/[<*]/)[0] ?? '';
  return existsSync(join(root, fixed === path ? path : dirname(`${fixed}x`)));
}

describe('what a page names', () => {
  for (const page of all) {
    test(`${page.path}: npm scripts`, () => {
      assert.deepEqual(
        scriptsNamedBy(page).filter(name => !(name in scripts)),
        [],
      );
    });
  }

  /** Elsewhere a bare name may be that of a file on a host, or in an artifact. */
  const forContributors = ['CONTRIBUTING.md', 'SECURITY.md', 'docs/architecture.md', '.github/PULL_REQUEST_TEMPLATE.md'];
  for (const page of all) {
    test(`${page.path}: files and folders`, () => {
      const named = pathsNamedBy(page).filter(path => path.includes('/') || forContributors.includes(page.path));
      assert.deepEqual(
        named.filter(each => !isThere(each)),
        [],
      );
    });
  }
});

test('issue forms are what GitHub takes', () => {
  for (const name of ['bug', 'feature']) {
    const form = parse(readFileSync(join(root, `.github/ISSUE_TEMPLATE/${name}.yaml`), 'utf8')) as {
      name: string;
      description: string;
      body: { type: string; id?: string; attributes: { label?: string; value?: string } }[];
    };
    assert.ok(form.name && form.description);
    const ids = form.body.flatMap(({ id }) => id ?? []);
    assert.deepEqual(ids, [...new Set(ids)], 'ids are unique');
    for (const { type, attributes } of form.body) {
      assert.ok(['markdown', 'textarea', 'input', 'dropdown', 'checkboxes'].includes(type), type);
      assert.ok(type === 'markdown' ? attributes.value : attributes.label, `${type} has no text`);
    }
  }
});

test('the Markdown reader sees fences, links and anchors as GitHub does', () => {
  const page = {
    path: 'x.md',
    text: [
      '# A `code` & [link](y.md)',
      '## A `code` & [link](y.md)',
      '- list',
      '  ```yaml fragment=A.spec',
      '  a:',
      '    b: [c](not-a-link)',
      '  ```',
      'See [one](a.md#b "title") and `[no](b.md)` ![image](c%20d.png).',
      '[ref]: https://example.com',
      '````text',
      '```',
      '````',
    ].join('\n'),
  };
  assert.deepEqual(blocksOf(page), [
    { path: 'x.md', line: 4, language: 'yaml', info: 'fragment=A.spec', text: 'a:\n  b: [c](not-a-link)' },
    { path: 'x.md', line: 10, language: 'text', info: '', text: '```' },
  ]);
  assert.deepEqual(
    linksOf(page).map(({ target }) => target),
    ['y.md', 'y.md', 'a.md#b', 'c%20d.png', 'https://example.com'],
  );
  assert.deepEqual([...anchorsOf(page)], ['a-code--link', 'a-code--link-1']);
});
