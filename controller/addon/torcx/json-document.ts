/** JSON documents of torcx: each an object with a kind and a value. Pure. */
import { messageOf } from '../../api/errors.ts';
import { quoted, refuse } from './refusal.ts';

/** A larger one is none: torcx itself reads them at every boot. */
export const maxDocumentBytes = 1024 * 1024;

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Kind and value of a document. `where`: how messages call it.
 * @throws StallingError `InvalidManifest`
 */
export function readDocument(bytes: Uint8Array, where: string): { kind: string; value: JsonObject } {
  if (bytes.length > maxDocumentBytes) throw refuse('InvalidManifest', `${where} has more than ${maxDocumentBytes} bytes`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw refuse('InvalidManifest', `${where} is no JSON: ${messageOf(error)}`);
  }
  const { kind, value } = requireObject(json, where);
  if (typeof kind !== 'string') throw refuse('InvalidManifest', `${where} has no kind`);
  return { kind, value: requireObject(value, `${where}: value`) };
}

/** @throws StallingError `InvalidManifest` */
export function requireObject(json: unknown, where: string): JsonObject {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw refuse('InvalidManifest', `${where} is no object`);
  return json as JsonObject;
}

/** A list of texts, which may be absent or null. @throws StallingError `InvalidManifest` */
export function textsOf(json: unknown, where: string): readonly string[] {
  const list: unknown = json ?? [];
  if (!Array.isArray(list)) throw refuse('InvalidManifest', `${where} is no list`);
  return list.map((item: unknown, i) => requireText(item, `${where}[${i}]`));
}

/** @throws StallingError `InvalidManifest` */
export function requireText(json: unknown, where: string): string {
  if (typeof json !== 'string')
    throw refuse(
      'InvalidManifest',
      `${where} is ${json === undefined ? 'missing' : quoted(JSON.stringify(json))}, and should be a text`,
    );
  return json;
}
