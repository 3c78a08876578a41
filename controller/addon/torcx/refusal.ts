/** How an archive or a profile of torcx is refused: always a person must choose another one, or say what is allowed. */
import { StallingError } from '../../api/errors.ts';

/** Why something of torcx cannot be imported, and what each reason means. */
export const importReasons = {
  InvalidArchive: 'The archive is damaged, cut off, or of another format than its name says.',
  UnsupportedArchive: 'The archive is of a version or a compression that is not read here.',
  ArchiveTooLarge: 'The archive holds more files, bytes or levels than an addon may.',
  UnsafeArchive: 'The archive holds what no addon may: a path or link that leads out of it, a path twice, a device.',
  SetuidFile: 'The archive holds a file that runs as another user, which nobody has allowed.',
  NoManifest: 'The archive has no /.torcx/manifest.json, so that nobody knows what of it belongs where.',
  InvalidManifest: 'A manifest of torcx is no such, or of another kind or version; the message says what is wrong where.',
  InvalidName: 'The file is not named NAME:REFERENCE.torcx.tgz or .torcx.squashfs, or the name can be none of an addon.',
} as const;

export type ImportReason = keyof typeof importReasons;

/** The error for it. `message` says what is wrong, where, and what to do. */
export function refuse(reason: ImportReason, message: string): StallingError {
  return new StallingError(reason, message);
}

/** A text of an archive for a message: what cannot be seen is escaped, and it is short. */
export function quoted(text: string): string {
  return JSON.stringify(text.length <= 256 ? text : `${text.slice(0, 255)}…`);
}
