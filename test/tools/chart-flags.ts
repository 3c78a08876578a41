/** What the chart knows of the flags that `extraArgs` may have. */
import { stringify } from 'yaml';
import { flagsOf } from '../../controller/command-line.ts';

/** The flags of both programs by name, with the kind of the value: charts/scantling/files/flags.yaml. */
export function chartFlags(): string {
  const programs = (['controller', 'agent'] as const).map(program => [
    program,
    Object.fromEntries(flagsOf(program).map(({ name, flag }) => [name, flag.kind])),
  ]);
  return `# Generated from controller/config.ts by \`npm run generate\`. Do not edit.\n${stringify(Object.fromEntries(programs))}`;
}
