/**
 * The text of a foundation's Containerfile. An author's instructions are written anew from what was read of them, without comments and
 * here-documents: so no version of buildah reads anything else in them than was checked, and a comment builds nothing.
 */
import { type Containerfile, type Finding, type Instruction, maxLineBytes } from './containerfile-parse.ts';
import { baseArgument, baseStage } from './containerfile-stage.ts';
import { spacedWords } from './containerfile-words.ts';
import { execForm } from './here-document.ts';

export interface FoundationText {
  /** ARG before the first FROM. */
  heading?: string;
  /** Of the author's escape character, when it is not `\`. */
  directive?: string;
  body: string;
}

/** The whole Containerfile: the base is the value of a build argument, and its stage is called base. */
export function foundationText({ directive = '', heading = '', body }: FoundationText): string {
  return `${directive}ARG ${baseArgument}\n${heading}FROM \${${baseArgument}} AS ${baseStage}\n${body}`;
}

export function directiveOf({ escape }: Containerfile): string {
  return escape === '\\' ? '' : `# escape=${escape}\n`;
}

/** Adds a problem for an instruction that becomes a line too long for buildah. */
export function writeInstructions(instructions: readonly Instruction[], escape: string, problems: Finding[]): string {
  return instructions
    .map(instruction => {
      const text = writeInstruction(instruction, escape);
      if (text.split('\n').some(line => Buffer.byteLength(line) > maxLineBytes)) {
        const message = `a line of the here-document is longer than ${maxLineBytes} bytes when it is escaped`;
        problems.push({ line: instruction.line, message });
      }
      return text;
    })
    .join('');
}

function writeInstruction({ keyword, flags, rest, json, documents, lines, image }: Instruction, escape: string): string {
  // Builders pull the images that they find here before they build.
  if (image !== undefined) return `FROM ${writeFlags(flags)}${[image, ...spacedWords(rest).slice(1)].join(' ')}\n`;
  // Outside of here-documents `<<` is for the shell alone: as an element of the exec form no version of buildah looks into it.
  if (keyword === 'RUN' && !json && rest.includes('<<')) return writeRun(flags, execForm(rest, documents), escape);
  return `${lines.join(`${escape}\n`)}\n`;
}

function writeRun(flags: readonly string[], args: readonly string[], escape: string): string {
  return `RUN ${writeFlags(flags)}${brokenJson(args, escape)}\n`;
}

/** The quotes that flags had are gone. */
function writeFlags(flags: readonly string[]): string {
  return flags.map(flag => `${flag.replaceAll(/[\\"'\s]/g, '\\$&')} `).join('');
}

/** Breaks the text after line ends in it, which nobody can read otherwise; not where a new line would begin like a comment or a space. */
function brokenJson(args: readonly string[], escape: string): string {
  return `[${args.map(arg => JSON.stringify(arg).replaceAll(/(?<!\\)((?:\\\\)*)\\n(?=[^\s#"])/g, `$1\\n${escape}\n`)).join(', ')}]`;
}
