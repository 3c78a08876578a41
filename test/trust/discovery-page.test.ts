/** Which meta tags of a page count, of pages by friends and by others. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { keyTagsOf, maxKeyTags } from '../../controller/trust/discovery-page.ts';
import { pagesOf } from '../../controller/trust/discovery.ts';

const tag = (content: string): string => `<meta name="ac-discovery-pubkeys" content="${content}">`;
const one = [{ prefix: 'example.com/os', url: 'https://example.com/k.asc' }];
const good = tag('example.com/os https://example.com/k.asc');

describe('tags that count', () => {
  const table: [string, string][] = [
    ['as rkt has them (D4)', `<!DOCTYPE html><html><head>${good}</head><body></body></html>`],
    ['in capitals', '<HTML><META NAME="AC-Discovery-Pubkeys" CONTENT="example.com/os https://example.com/k.asc"></HTML>'],
    [
      'in single quotes, and turned round',
      "<meta content='example.com/os https://example.com/k.asc' name='ac-discovery-pubkeys' />",
    ],
    ['with a name without quotes', '<meta name=ac-discovery-pubkeys content="example.com/os https://example.com/k.asc">'],
    ['over several lines', '<meta\n  name="ac-discovery-pubkeys"\n\tcontent="example.com/os\n    https://example.com/k.asc"\n>'],
    ['with character references', tag('example.com/os https:&#x2F;&#47;example.com/k.asc')],
    [
      'behind other tags and attributes',
      `<link rel=x href=y><meta charset=utf-8 data-a='>' ><meta name="x" content="a b">${good}`,
    ],
    ['without any head', good],
    ['behind a comment', `<!-- <meta name="ac-discovery-pubkeys" content="x https://evil.example/k"> -->${good}`],
    [
      'behind a script that looks like one',
      `<script>document.write('<meta name="ac-discovery-pubkeys" content="x https://evil.example/k">')</script>${good}`,
    ],
    ['behind a stray <', `a < b <3 ${good}`],
  ];
  for (const [name, page] of table) test(name, () => assert.deepEqual(keyTagsOf(page), one));

  test('several, in order (D4)', () => {
    const page = tag('a https://a.example/1') + tag('b https://b.example/2');
    assert.deepEqual(
      keyTagsOf(page).map(({ prefix }) => prefix),
      ['a', 'b'],
    );
  });
});

describe('what is no tag', () => {
  const table: [string, string][] = [
    ['a comment', `<!-- ${good} -->`],
    ['a comment that is never closed', `<!-- ${good}`],
    ['a script', `<script>"${good}"</script>`],
    ['a script that is never closed', `<script>${good}`],
    ['a title', `<title>${good}</title>`],
    ['a textarea', `<textarea>${good}</textarea>`],
    ['a template', `<template>${good}</template>`],
    ['what visitors write into the body', `<html><head></head><body><p>${good}</p></body></html>`],
    ['what comes behind the head without a body tag', `<head></head>${good}`],
    ['an attribute of another tag', `<img alt='${good}'>`],
    ['content of one word', tag('example.com/os')],
    ['content of three words', tag('example.com/os https://example.com/k.asc more')],
    ['no content', '<meta name="ac-discovery-pubkeys">'],
    [
      'a tag of images: templates are not for keys (D3)',
      '<meta name="ac-discovery" content="example.com/os https://example.com/{name}-{version}.{ext}">',
    ],
    ['another name', '<meta name="ac-discovery-pubkeys-x" content="example.com/os https://example.com/k.asc">'],
    [
      'a property in place of a name',
      '<meta property="ac-discovery-pubkeys" content="example.com/os https://example.com/k.asc">',
    ],
    [
      'a second attribute of the same name',
      '<meta name="x" name="ac-discovery-pubkeys" content="example.com/os https://example.com/k.asc">',
    ],
    ['a tag that is cut', '<meta name="ac-discovery-pubkeys" content="example.com/os https://example.com/k.a'],
    ['a longer element name', '<metadata name="ac-discovery-pubkeys" content="example.com/os https://example.com/k.asc">'],
    ['JSON', '{"html": "no"}'],
    ['nothing', ''],
  ];
  for (const [name, page] of table) test(name, () => assert.deepEqual(keyTagsOf(page), []));
});

test(`no more than ${maxKeyTags} tags are looked at`, () => {
  assert.equal(keyTagsOf(tag('a https://a.example/1').repeat(1000)).length, maxKeyTags);
});

test('any text is read in time that grows with it', () => {
  const parts = [
    '<',
    '>',
    '"',
    "'",
    '<meta',
    ' name=',
    'ac-discovery-pubkeys',
    ' content="',
    '<!--',
    '-->',
    '<script>',
    '</script>',
    '=',
    ' ',
    '/',
    'a b',
    '&#',
    '\0',
  ];
  fc.assert(fc.property(fc.array(fc.constantFrom(...parts), { maxLength: 200 }), all => void keyTagsOf(all.join(''))));
  // Of each of these a page of 1 MiB would take hours in squares.
  for (const part of ['<', '<a ', '<a b=', '<a "', "<a b='", '<!--', '<script>', '<a b = ', '&#', '<title '])
    keyTagsOf(part.repeat(Math.floor(1024 ** 2 / part.length)));
});

test('pages are asked for by the name, and by each name above it up to the host, and never by version or architecture (D1, D2)', () => {
  assert.deepEqual(pagesOf('example.com:8443/a/b'), [
    'https://example.com:8443/a/b?ac-discovery=1',
    'https://example.com:8443/a?ac-discovery=1',
    'https://example.com:8443?ac-discovery=1',
  ]);
});
