/** Structured logs: one JSON object a line on standard error, secrets cut out. */
import { pino } from 'pino';

/** What the rest of the program logs through; pino's own loggers satisfy it. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Log;
}

/** Field names whose values never reach a log, at the top level and one level down. */
const secretFields = ['password', 'token', 'bearerToken', 'authorization', 'Authorization', 'auth', 'secret', 'data', 'headers'];

/** The root logger. `level` is one of debug, info, warn, error, silent. */
export function createLog(level: string, write?: (line: string) => void): Log {
  const destination = write ? { write } : pino.destination({ dest: 2, sync: true });
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
      serializers: { error: pino.stdSerializers.err },
      redact: { paths: [...secretFields, ...secretFields.map(f => `*.${f}`)], censor: '[redacted]' },
    },
    destination,
  );
}
