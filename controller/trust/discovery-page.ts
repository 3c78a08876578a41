/**
 * The meta tags of a page that name keys: `<meta name="ac-discovery-pubkeys" content="PREFIX URL">` (App Container discovery). Pure, in one
 * pass: what is no HTML gives no tags. Nothing behind the head counts, since visitors of a page may write into its body.
 */

export interface KeyTag {
  prefix: string;
  url: string;
}

/** Tags beyond are not looked at. */
export const maxKeyTags = 16;

/** Elements whose content is text until their own end, whatever it looks like. */
const rawText: ReadonlySet<string> = new Set([
  'script',
  'style',
  'title',
  'textarea',
  'noscript',
  'template',
  'iframe',
  'noframes',
  'xmp',
]);
/** With these the head is over. */
const bodyBegins: ReadonlySet<string> = new Set(['body', 'frameset', '/head', '/html']);

/** The tags of a page, in order, at most `maxKeyTags`. */
export function keyTagsOf(html: string): KeyTag[] {
  const found: KeyTag[] = [];
  let at = 0;
  while (found.length < maxKeyTags) {
    const start = html.indexOf('<', at);
    if (start === -1) break;
    if (html.startsWith('<!--', start)) {
      at = after(html, '-->', start + 4);
      continue;
    }
    const tag = tagAt(html, start);
    at = tag?.end ?? start + 1;
    if (!tag) continue;
    if (bodyBegins.has(tag.name)) break;
    if (tag.name === 'meta') found.push(...keyTagOf(tag.attributes));
    else if (rawText.has(tag.name)) at = endOfText(html, tag.name, at);
  }
  return found;
}

/** A tag counts when it has the name, and two words. */
function keyTagOf(attributes: ReadonlyMap<string, string>): KeyTag[] {
  if (attributes.get('name')?.trim().toLowerCase() !== 'ac-discovery-pubkeys') return [];
  const words = (attributes.get('content') ?? '').split(/\s+/).filter(Boolean);
  const [prefix, url] = words;
  return prefix === undefined || url === undefined || words.length !== 2 ? [] : [{ prefix, url }];
}

/** The index behind `end`; the page's when there is none: a comment that is not closed goes on to the end. */
function after(html: string, end: string, from: number): number {
  const found = html.indexOf(end, from);
  return found === -1 ? html.length : found + end.length;
}

function endOfText(html: string, name: string, from: number): number {
  const end = new RegExp(`</${name}[\\s/>]`, 'gi');
  end.lastIndex = from;
  return end.exec(html)?.index ?? html.length;
}

interface Tag {
  /** In lower case, of an end tag with its slash. */
  name: string;
  attributes: ReadonlyMap<string, string>;
  end: number;
}

const tagName = /<(\/?[a-z][^\s/>]*)/iy;
/** A name, and a value in double quotes, single quotes or none. */
const attribute = /[\s/]*([^\s=/>"'][^\s=/>]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>][^\s>]*)))?/y;

/** The tag that begins here, if one does. Of attributes of the same name the first counts, as in browsers. */
function tagAt(html: string, start: number): Tag | undefined {
  tagName.lastIndex = start;
  const name = tagName.exec(html)?.[1]?.toLowerCase();
  if (name === undefined) return undefined;
  const attributes = new Map<string, string>();
  let end = tagName.lastIndex;
  for (;;) {
    attribute.lastIndex = end;
    const found = attribute.exec(html);
    if (!found) break;
    end = attribute.lastIndex;
    const key = (found[1] ?? '').toLowerCase();
    if (!attributes.has(key)) attributes.set(key, decoded(found[2] ?? found[3] ?? found[4] ?? ''));
  }
  return { name, attributes, end: after(html, '>', end) };
}

const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Character references, as far as URLs and names have them. */
function decoded(value: string): string {
  return value.replaceAll(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(amp|lt|gt|quot|apos));/gi, (whole, decimal, hex, name) => {
    if (typeof name === 'string') return named[name.toLowerCase()] ?? whole;
    const code = typeof decimal === 'string' ? Number(decimal) : Number.parseInt(String(hex), 16);
    return code <= 0x10_ff_ff ? String.fromCodePoint(code) : whole;
  });
}
