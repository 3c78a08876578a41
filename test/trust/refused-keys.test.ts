import { testTables } from './corpus/cases.ts';
import { refusedKeys } from './corpus/refused-keys.ts';

testTables(refusedKeys);
