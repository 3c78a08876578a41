import { testTables } from './corpus/cases.ts';
import { refusedLogs } from './corpus/refused-logs.ts';

testTables(refusedLogs);
