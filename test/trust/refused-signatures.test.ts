import { testTables } from './corpus/cases.ts';
import { refusedSignatures } from './corpus/refused-signatures.ts';

testTables(refusedSignatures);
