import type { Context } from '../build/context.ts';

/** A build directory that any container engine turns into the same file tree as the assemble builder. */
export interface BuildDirectory {
  containerfile: string;
  /** File name → bytes of what the Containerfile reads. */
  files: ReadonlyMap<string, Uint8Array>;
}

/** The Containerfile equal to a context on `base`. ADD unpacks a local tar: modes, owners and links come from the finish layer itself. */
export function renderContainerfile(context: Context, base: string): BuildDirectory {
  const { foundation, layers, labels } = context.plan;
  const files = new Map<string, Uint8Array>();
  const lines = [
    foundation ? foundation.containerfile.replace('ARG SCANTLING_BASE\n', `ARG SCANTLING_BASE=${base}\n`) : `FROM ${base}\n`,
  ];
  layers.forEach(({ comment }, i) => {
    const name = `finish-${i + 1}.tar`;
    files.set(name, context.layers[i] ?? new Uint8Array(0));
    lines.push(`# ${comment}\nADD ${name} /\n`);
  });
  for (const [key, value] of Object.entries(labels)) lines.push(`LABEL ${quoted(key)}=${quoted(value)}\n`);
  return { containerfile: lines.join(''), files };
}

/** Inside double quotes a Containerfile takes `\` for an escape and `$` for a variable. */
function quoted(value: string): string {
  return `"${value.replaceAll(/[\\"$]/g, '\\$&')}"`;
}
