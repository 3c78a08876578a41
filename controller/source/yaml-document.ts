/** YAML as the library reads it, with checks that take no longer than the text is long, whoever wrote it: all other work waits meanwhile. */
import { type Document as YamlDocument, LineCounter, type Node, type Pair, isAlias, parseAllDocuments, visit } from 'yaml';
import { type Problem, offsetOf, scalar } from './schema-check.ts';

/** Resolving an alias within an alias multiplies, and the library goes through all of them for each; this many in all is far beyond honest use. */
const mostAliases = 100;

/** The YAML documents of a text, whatever they hold. Keys that are given twice are no error here: see `repeatedKeys`. */
export function parseYaml(content: string): { documents: YamlDocument.Parsed[]; lines: LineCounter } {
  const lines = new LineCounter();
  const documents = parseAllDocuments(content, {
    lineCounter: lines,
    uniqueKeys: false,
    stringKeys: true,
    prettyErrors: false,
    logLevel: 'silent',
  });
  return { documents: Array.isArray(documents) ? documents : [], lines };
}

/** An error or a warning of the library. */
export function syntaxProblem(error: { message: string; pos: [number, number] }): Problem {
  return { offset: error.pos[0], message: `YAML: ${error.message}` };
}

/** Pairs whose key their map has already. The library's own check compares every key with every other, which takes minutes for a hostile file. */
export function repeatedKeys(document: YamlDocument.Parsed): Pair[] {
  const repeated: Pair[] = [];
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<unknown>();
      for (const pair of items) {
        const key = scalar(pair.key);
        if (key !== undefined && seen.has(key)) repeated.push(pair);
        seen.add(key);
      }
    },
  });
  return repeated;
}

/** What every alias stands for: the last node before it that has its anchor. Found in one walk, where the library takes one for each. */
function aliasesOf(document: YamlDocument.Parsed): Map<Node, Node | undefined> {
  const anchors = new Map<string, Node>();
  const aliases = new Map<Node, Node | undefined>();
  visit(document, {
    Node(_, node) {
      if (isAlias(node)) aliases.set(node, anchors.get(node.source));
      else if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  return aliases;
}

/** A function that takes an alias for what it stands for, and any other node for itself. */
export function resolver(document: YamlDocument.Parsed): (node: unknown) => Node | undefined {
  const aliases = aliasesOf(document);
  return node => (isAlias(node) ? aliases.get(node) : ((node ?? undefined) as Node | undefined));
}

/** An alias without its anchor, too many of them, or aliases within aliases that multiply beyond the bound, which the library counts. */
export function aliasProblem(document: YamlDocument.Parsed): Problem | undefined {
  const aliases = aliasesOf(document);
  const offset = offsetOf(document.contents);
  for (const [alias, target] of aliases) {
    if (!target && isAlias(alias))
      return { offset: offsetOf(alias), message: `YAML: the alias *${alias.source} has no anchor before it` };
  }
  if (aliases.size > mostAliases) return { offset, message: `has ${aliases.size} aliases, more than ${mostAliases}` };
  try {
    document.toJS({ maxAliasCount: mostAliases });
    return undefined;
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    return { offset, message: `aliases multiply to more than ${mostAliases}` };
  }
}
