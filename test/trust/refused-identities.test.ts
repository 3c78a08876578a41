import { testTables } from './corpus/cases.ts';
import { refusedIdentities } from './corpus/refused-identities.ts';

testTables(refusedIdentities);
